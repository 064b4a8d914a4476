package io.github.ringfence.client;

import java.util.Objects;
import java.util.Optional;

/**
 * What became of one command.
 *
 * @param sequence the place of the command in the journal, unsigned, from 1
 * @param id that the command named, if it names one
 * @param timestamp of the command, in nanoseconds since 1970
 * @param status what became of it
 * @param op what was asked for
 * @param detail0 by the operation; see {@link #order} and {@link #resolution}
 * @param detail1 by the operation
 * @param detail2 by the operation
 * @param detail3 by the operation
 */
public record Outcome(
        long sequence,
        UInt128 id,
        long timestamp,
        Status status,
        Op op,
        long detail0,
        long detail1,
        long detail2,
        long detail3)
        implements Happening {
    /** Checks the fields. */
    public Outcome {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(status, "status");
        Objects.requireNonNull(op, "op");
    }

    /**
     * Of an order that was placed, amended or cancelled with success: its state.
     *
     * @param status what became of it
     * @param filled lots that have traded
     * @param remaining lots that have not
     */
    public record OrderState(OrderStatus status, long filled, long remaining) {
    }

    /**
     * Of a resolution of queues.
     *
     * @param count payments that settled
     * @param amount their sum
     */
    public record Resolution(long count, UInt128 amount) {
    }

    /**
     * Of an order that was placed, amended or cancelled with success: its state.
     *
     * @return the state, or empty
     */
    public Optional<OrderState> order() {
        boolean isOrder = op == Op.PLACE_ORDER || op == Op.AMEND_ORDER || op == Op.CANCEL_ORDER;
        return isOrder && detail0 != 0
                ? Optional.of(new OrderState(OrderStatus.of((int) detail0), detail1, detail2))
                : Optional.empty();
    }

    /**
     * Of a resolution of queues: what settled.
     *
     * @return the resolution, or empty
     */
    public Optional<Resolution> resolution() {
        return op == Op.RESOLVE_QUEUES && status == Status.OK
                ? Optional.of(new Resolution(detail0, new UInt128(detail3, detail2)))
                : Optional.empty();
    }
}
