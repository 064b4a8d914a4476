package io.github.ringfence.client;

import java.util.Objects;

/**
 * Takes a payment out of its queue.
 *
 * @param id its id
 */
public record CancelQueuedTransfer(UInt128 id) implements Command {
    /** Checks the fields. */
    public CancelQueuedTransfer {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.CANCEL_QUEUED_TRANSFER;
    }
}
