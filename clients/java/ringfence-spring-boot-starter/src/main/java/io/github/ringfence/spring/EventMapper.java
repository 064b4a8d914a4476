package io.github.ringfence.spring;

import io.github.ringfence.client.Command;
import io.github.ringfence.client.CommandTaken;
import io.github.ringfence.client.Event;
import io.github.ringfence.client.Happening;
import io.github.ringfence.client.OrderCancelled;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.QueuedTransferSettled;
import io.github.ringfence.client.Status;
import io.github.ringfence.client.Trade;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.TransferDropped;
import io.github.ringfence.client.TransferExpired;
import io.github.ringfence.client.TransferFlags;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Makes application events of what a subscription tells. */
final class EventMapper {
    /** Transfers whose outcome has not come: at most those of one batch. */
    private final Map<Long, Transfer> transfers = new HashMap<>();

    Optional<RingfenceEvent> map(Happening happening) {
        if (happening instanceof CommandTaken taken) {
            Command command = taken.command();
            if (command instanceof Transfer transfer) {
                transfers.put(taken.sequence(), transfer);
            }
            return Optional.empty();
        }
        return happening instanceof Outcome outcome
                ? ofOutcome(outcome)
                : ofEvent((Event) happening);
    }

    private Optional<RingfenceEvent> ofOutcome(Outcome outcome) {
        Transfer transfer = transfers.remove(outcome.sequence());
        if (transfer == null || outcome.status() == Status.EXISTS) {
            // Not about a transfer, or a repeat that changed nothing.
            return Optional.empty();
        }
        if (outcome.status().isRefusal()) {
            return Optional.of(new TransferRefused(outcome, transfer));
        }
        if (outcome.status() == Status.QUEUED) {
            return Optional.of(new PaymentQueued(outcome, transfer));
        }
        if ((transfer.flags() & TransferFlags.PENDING) != 0) {
            return Optional.of(new TransferReserved(outcome, transfer));
        }
        if ((transfer.flags() & TransferFlags.VOID_PENDING_TRANSFER) != 0) {
            return Optional.of(new PendingVoided(outcome, transfer));
        }
        return Optional.of(new TransferSettled(outcome, transfer));
    }

    private static Optional<RingfenceEvent> ofEvent(Event event) {
        if (event.body() instanceof TransferExpired expired) {
            return Optional.of(new PendingExpired(event, expired.id()));
        }
        if (event.body() instanceof QueuedTransferSettled settled) {
            return Optional.of(new PaymentReleased(event, settled.id(), settled.by()));
        }
        if (event.body() instanceof TransferDropped dropped) {
            return Optional.of(new PaymentDropped(event, dropped.id(), dropped.status()));
        }
        if (event.body() instanceof Trade trade) {
            return Optional.of(new TradeExecuted(event, trade));
        }
        if (event.body() instanceof OrderCancelled cancelled) {
            return Optional.of(new RestingOrderCancelled(event, cancelled));
        }
        return Optional.empty();
    }
}
