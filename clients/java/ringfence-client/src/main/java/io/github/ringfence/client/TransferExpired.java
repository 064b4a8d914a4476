package io.github.ringfence.client;

import java.util.Objects;

/**
 * A pending or queued transfer expired.
 *
 * @param id of the transfer
 */
public record TransferExpired(UInt128 id) implements Body {
    /** Checks the fields. */
    public TransferExpired {
        Objects.requireNonNull(id, "id");
    }
}
