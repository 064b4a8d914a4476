package io.github.ringfence.client;

import java.util.Objects;

/**
 * Looks up an order; the answer has a {@link FoundOrder}.
 *
 * @param id its id
 */
public record LookupOrder(UInt128 id) implements Command {
    /** Checks the fields. */
    public LookupOrder {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.LOOKUP_ORDER;
    }
}
