package io.github.ringfence.client;

import java.util.Objects;

/**
 * Looks up the queue of an account; the answer has a {@link FoundQueue}.
 *
 * @param id of the account
 */
public record LookupQueue(UInt128 id) implements Command {
    /** Checks the fields. */
    public LookupQueue {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.LOOKUP_QUEUE;
    }
}
