package io.github.ringfence.spring;

import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;

/**
 * A pending transfer has reserved its amount.
 *
 * @param outcome the outcome
 * @param transfer the transfer
 */
public record TransferReserved(Outcome outcome, Transfer transfer) implements OutcomeEvent {}
