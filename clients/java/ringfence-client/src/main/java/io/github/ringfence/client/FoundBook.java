package io.github.ringfence.client;

import java.util.List;

/**
 * A market and the best prices of both sides.
 *
 * @param market the market
 * @param bids the highest first, at most five
 * @param asks the lowest first, at most five
 */
public record FoundBook(
        FoundMarket market,
        List<Level> bids,
        List<Level> asks) {
    /** Copies the levels. */
    public FoundBook {
        bids = List.copyOf(bids);
        asks = List.copyOf(asks);
    }
}
