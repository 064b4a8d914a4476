package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A payment waits for funds.
 *
 * @param outcome the outcome
 * @param transfer the payment
 */
public record PaymentQueued(Outcome outcome, Transfer transfer) implements RingfenceEvent {
    @Override
    public long sequence() {
        return outcome.sequence();
    }

    @Override
    public long timestamp() {
        return outcome.timestamp();
    }

    @Override
    public long number() {
        return 0;
    }
}
