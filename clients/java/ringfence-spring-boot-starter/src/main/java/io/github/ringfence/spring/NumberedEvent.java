package io.github.ringfence.spring;

import io.github.ringfence.client.Event;

/** What happened beyond the outcome of a command: each has a number of its own. */
public sealed interface NumberedEvent extends RingfenceEvent
        permits PendingExpired, PaymentReleased, PaymentDropped, TradeExecuted,
                RestingOrderCancelled {
    /**
     * The event.
     *
     * @return the event
     */
    Event event();

    @Override
    default long sequence() {
        return event().sequence();
    }

    @Override
    default long timestamp() {
        return event().timestamp();
    }

    @Override
    default long number() {
        return event().number();
    }
}
