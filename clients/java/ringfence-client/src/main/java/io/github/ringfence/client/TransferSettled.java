package io.github.ringfence.client;

import java.util.Objects;

/**
 * A queued payment settled.
 *
 * @param id of the payment
 * @param by why it settled
 */
public record TransferSettled(UInt128 id, SettledBy by) implements Body {
    /** Checks the fields. */
    public TransferSettled {
        Objects.requireNonNull(id, "id");
    }
}
