package io.github.ringfence.client;

/**
 * A market, and when it was created.
 *
 * @param market the market
 * @param timestamp when it was created, in nanoseconds since 1970
 */
public record FoundMarket(Market market, long timestamp) implements Body {
}
