package io.github.ringfence.client;

/**
 * An order, and how much of it has traded.
 *
 * @param order the order, with its present price
 * @param timestamp when it was placed, in nanoseconds since 1970
 * @param filled lots that have traded
 * @param remaining lots that have not
 * @param status what became of it
 */
public record FoundOrder(
        Order order,
        long timestamp,
        long filled,
        long remaining,
        OrderStatus status)
        implements Body {
}
