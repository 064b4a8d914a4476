package io.github.ringfence.spring;

import io.github.ringfence.client.Event;
import io.github.ringfence.client.OrderCancelled;

/**
 * A resting order was cancelled, and not by its owner.
 *
 * @param event the event
 * @param cancelled the order, and why
 */
public record RestingOrderCancelled(Event event, OrderCancelled cancelled) implements NumberedEvent {}
