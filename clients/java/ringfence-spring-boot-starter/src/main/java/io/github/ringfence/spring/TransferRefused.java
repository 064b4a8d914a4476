package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A transfer was refused; nothing has moved.
 *
 * @param outcome the outcome, with the reason as its status
 * @param transfer the transfer
 */
public record TransferRefused(Outcome outcome, Transfer transfer) implements OutcomeEvent {}
