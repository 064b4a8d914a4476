package io.github.ringfence.client;

import java.util.Objects;

/**
 * Two orders met.
 *
 * @param takerOrderId the order that came
 * @param makerOrderId the order that rested
 * @param takerFee what the taker paid
 * @param makerFee what the maker paid
 * @param price the price
 * @param quantity in lots
 * @param market the market, unsigned
 */
public record Trade(
        UInt128 takerOrderId,
        UInt128 makerOrderId,
        UInt128 takerFee,
        UInt128 makerFee,
        long price,
        long quantity,
        int market)
        implements Body {
    /** Checks the fields. */
    public Trade {
        Objects.requireNonNull(takerOrderId, "takerOrderId");
        Objects.requireNonNull(makerOrderId, "makerOrderId");
        Objects.requireNonNull(takerFee, "takerFee");
        Objects.requireNonNull(makerFee, "makerFee");
    }
}
