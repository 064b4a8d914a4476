package io.github.ringfence.spring;

import io.github.ringfence.client.Event;
import io.github.ringfence.client.UInt128;

/**
 * A pending transfer, or a payment that waited for funds, has expired.
 *
 * @param event the event
 * @param id of the transfer
 */
public record PendingExpired(Event event, UInt128 id) implements NumberedEvent {}
