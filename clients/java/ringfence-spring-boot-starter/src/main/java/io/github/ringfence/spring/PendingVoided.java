package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A pending transfer was voided.
 *
 * @param outcome the outcome
 * @param transfer the void; its {@code pendingId} names the pending transfer
 */
public record PendingVoided(Outcome outcome, Transfer transfer) implements OutcomeEvent {}
