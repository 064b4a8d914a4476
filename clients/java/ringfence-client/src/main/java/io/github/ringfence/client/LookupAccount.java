package io.github.ringfence.client;

import java.util.Objects;

/**
 * Looks up an account; the answer has an {@link Account}.
 *
 * @param id its id
 */
public record LookupAccount(UInt128 id) implements Command {
    /** Checks the fields. */
    public LookupAccount {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.LOOKUP_ACCOUNT;
    }
}
