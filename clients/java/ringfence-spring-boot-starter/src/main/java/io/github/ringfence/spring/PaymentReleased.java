package io.github.ringfence.spring;

import io.github.ringfence.client.Event;
import io.github.ringfence.client.SettledBy;
import io.github.ringfence.client.UInt128;

/**
 * A payment that waited for funds has settled.
 *
 * @param event the event
 * @param id of the payment
 * @param by why it settled
 */
public record PaymentReleased(Event event, UInt128 id, SettledBy by) implements NumberedEvent {}
