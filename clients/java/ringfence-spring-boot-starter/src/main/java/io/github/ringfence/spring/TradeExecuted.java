package io.github.ringfence.spring;

import io.github.ringfence.client.Event;
import io.github.ringfence.client.Trade;

/**
 * Two orders met.
 *
 * @param event the event
 * @param trade the trade
 */
public record TradeExecuted(Event event, Trade trade) implements NumberedEvent {}
