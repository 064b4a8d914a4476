package io.github.ringfence.client;

import java.util.Objects;

/**
 * Creates a market.
 *
 * @param id its id, unsigned
 * @param baseLedger the ledger of what is traded
 * @param quoteLedger the ledger of what is paid
 * @param baseAccountId the account that holds what is traded
 * @param quoteAccountId the account that holds what is paid
 * @param feeAccountId the account that gets the fees
 * @param lot minor units of the base ledger in one lot
 * @param tick the smallest step of a price
 * @param makerFee of each lot, for the order that rested
 * @param takerFee of each lot, for the order that came
 */
public record Market(
        int id,
        int baseLedger,
        int quoteLedger,
        UInt128 baseAccountId,
        UInt128 quoteAccountId,
        UInt128 feeAccountId,
        long lot,
        long tick,
        long makerFee,
        long takerFee)
        implements Command {
    /** Checks the fields. */
    public Market {
        Objects.requireNonNull(baseAccountId, "baseAccountId");
        Objects.requireNonNull(quoteAccountId, "quoteAccountId");
        Objects.requireNonNull(feeAccountId, "feeAccountId");
    }

    @Override
    public Op op() {
        return Op.CREATE_MARKET;
    }
}
