package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A transfer was refused; nothing has moved.
 *
 * @param outcome the outcome, with the reason as its status
 * @param transfer the transfer
 */
public record TransferRefused(Outcome outcome, Transfer transfer) implements RingfenceEvent {
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
