package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A payment waits for funds.
 *
 * @param outcome the outcome
 * @param transfer the payment
 */
public record PaymentQueued(Outcome outcome, Transfer transfer) implements OutcomeEvent {}
