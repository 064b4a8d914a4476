package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A pending transfer has reserved its amount.
 *
 * @param outcome the outcome
 * @param transfer the transfer
 */
public record TransferReserved(Outcome outcome, Transfer transfer) implements RingfenceEvent {
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
