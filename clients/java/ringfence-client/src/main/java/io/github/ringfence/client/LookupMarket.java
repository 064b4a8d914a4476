package io.github.ringfence.client;

import java.util.Objects;

/**
 * Looks up a market; the answer has a {@link FoundMarket}, bids and asks.
 *
 * @param id its id
 */
public record LookupMarket(UInt128 id) implements Command {
    /** Checks the fields. */
    public LookupMarket {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.LOOKUP_MARKET;
    }
}
