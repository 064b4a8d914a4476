package io.github.ringfence.client;

import java.util.Objects;

/**
 * Cancels an order.
 *
 * @param id its id
 */
public record CancelOrder(UInt128 id) implements Command {
    /** Checks the fields. */
    public CancelOrder {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.CANCEL_ORDER;
    }
}
