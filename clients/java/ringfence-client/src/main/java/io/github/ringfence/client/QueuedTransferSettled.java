package io.github.ringfence.client;

import java.util.Objects;

/**
 * A queued payment settled: the event {@link EventKind#TRANSFER_SETTLED}.
 *
 * @param id of the payment
 * @param by why it settled
 */
public record QueuedTransferSettled(UInt128 id, SettledBy by) implements Body {
    /** Checks the fields. */
    public QueuedTransferSettled {
        Objects.requireNonNull(id, "id");
    }
}
