package io.github.ringfence.client;

import java.util.Objects;

/**
 * What waits in the queue of an account.
 *
 * @param amount the sum of the payments
 * @param headId the payment that is first
 * @param count how many there are
 */
public record FoundQueue(UInt128 amount, UInt128 headId, long count) implements Body {
    /** Checks the fields. */
    public FoundQueue {
        Objects.requireNonNull(amount, "amount");
        Objects.requireNonNull(headId, "headId");
    }
}
