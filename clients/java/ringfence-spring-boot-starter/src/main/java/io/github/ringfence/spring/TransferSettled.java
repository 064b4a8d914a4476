package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * Money has moved: a transfer was executed, or a pending one posted.
 *
 * @param outcome the outcome
 * @param transfer the transfer
 */
public record TransferSettled(Outcome outcome, Transfer transfer) implements OutcomeEvent {}
