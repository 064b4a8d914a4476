package io.github.ringfence.client;

import java.util.Objects;

/**
 * Makes a queued payment urgent or not.
 *
 * @param id of the payment
 * @param urgent true: ahead of payments that are not urgent
 */
public record RequeueTransfer(UInt128 id, boolean urgent) implements Command {
    /** Checks the fields. */
    public RequeueTransfer {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.REQUEUE_TRANSFER;
    }
}
