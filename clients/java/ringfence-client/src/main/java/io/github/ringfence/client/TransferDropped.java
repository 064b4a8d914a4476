package io.github.ringfence.client;

import java.util.Objects;

/**
 * A queued payment left its queue because it could no longer settle.
 *
 * @param id of the payment
 * @param status why it could not
 */
public record TransferDropped(UInt128 id, Status status) implements Body {
    /** Checks the fields. */
    public TransferDropped {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(status, "status");
    }
}
