package io.github.ringfence.client;

import java.util.Objects;

/**
 * Looks up a transfer; the answer has a {@link FoundTransfer}.
 *
 * @param id its id
 */
public record LookupTransfer(UInt128 id) implements Command {
    /** Checks the fields. */
    public LookupTransfer {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.LOOKUP_TRANSFER;
    }
}
