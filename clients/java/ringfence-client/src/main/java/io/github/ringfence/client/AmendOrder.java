package io.github.ringfence.client;

import java.util.Objects;

/**
 * Changes an order's price, or lowers its quantity.
 *
 * @param id of the order
 * @param price the new price; 0: unchanged
 * @param quantity the lots that shall remain; 0: unchanged
 */
public record AmendOrder(UInt128 id, long price, long quantity) implements Command {
    /** Checks the fields. */
    public AmendOrder {
        Objects.requireNonNull(id, "id");
    }

    @Override
    public Op op() {
        return Op.AMEND_ORDER;
    }
}
