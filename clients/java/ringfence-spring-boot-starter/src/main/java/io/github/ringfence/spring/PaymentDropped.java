package io.github.ringfence.spring;

import io.github.ringfence.client.Event;
import io.github.ringfence.client.Status;
import io.github.ringfence.client.UInt128;

/**
 * A payment that waited for funds left its queue because it could no longer settle.
 *
 * @param event the event
 * @param id of the payment
 * @param status why it could not
 */
public record PaymentDropped(Event event, UInt128 id, Status status) implements NumberedEvent {}
