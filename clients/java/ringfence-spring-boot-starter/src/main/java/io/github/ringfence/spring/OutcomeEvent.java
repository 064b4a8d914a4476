package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/** What became of a transfer when it was executed. */
public sealed interface OutcomeEvent extends RingfenceEvent
        permits TransferSettled, TransferReserved, PendingVoided, PaymentQueued, TransferRefused {
    /**
     * The outcome.
     *
     * @return the outcome
     */
    Outcome outcome();

    /**
     * The transfer.
     *
     * @return the transfer, as it was sent
     */
    Transfer transfer();

    @Override
    default long sequence() {
        return outcome().sequence();
    }

    @Override
    default long timestamp() {
        return outcome().timestamp();
    }

    @Override
    default long number() {
        return 0;
    }
}
