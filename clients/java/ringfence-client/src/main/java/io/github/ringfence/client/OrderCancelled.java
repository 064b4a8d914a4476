package io.github.ringfence.client;

import java.util.Objects;

/**
 * A resting order was cancelled, and not by its owner.
 *
 * @param id of the order
 * @param remaining lots that had not traded
 * @param reason why
 */
public record OrderCancelled(
        UInt128 id,
        long remaining,
        CancelReason reason)
        implements Body {
    /** Checks the fields. */
    public OrderCancelled {
        Objects.requireNonNull(id, "id");
    }
}
