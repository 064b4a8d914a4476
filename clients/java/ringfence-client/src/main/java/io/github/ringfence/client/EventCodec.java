package io.github.ringfence.client;

import static io.github.ringfence.client.CommandCodec.get128;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Events and what look-ups find, from their bytes. Buffers are little-endian. */
final class EventCodec {
    /** Offset of the body in an event, behind the header of the message. */
    private static final int BODY_AT = 32;
    private static final int BODY_BYTES = 160;
    private static final int LEVELS = 5;

    private EventCodec() {
    }

    /** Reads an event, without the header of its message. */
    static Event read(ByteBuffer from) {
        final int start = from.position();
        final long sequence = from.getLong();
        final long timestamp = from.getLong();
        final long number = from.getLong();
        Reserved.check(from, start + 24, start + 26);
        EventKind kind = EventKind.of(from.get(start + 26));
        Reserved.check(from, start + 27, start + BODY_AT);
        Reserved.check(from, start + BODY_AT + usedBytes(kind), start + BODY_AT + BODY_BYTES);
        if (kind == EventKind.TRANSFER_SETTLED) {
            Reserved.check(from, start + BODY_AT + 16, start + BODY_AT + 18);
        }
        if (kind.isNumbered() != (number != 0)) {
            throw new ProtocolException("an event " + kind + " with the number " + number);
        }
        from.position(start + BODY_AT);
        return new Event(sequence, timestamp, number, kind, readBody(kind, from));
    }

    /** Bytes that the body of an event of this kind uses; the others are reserved. */
    private static int usedBytes(EventKind kind) {
        return switch (kind) {
            case ACCOUNT -> 128;
            case TRANSFER -> 130;
            case ORDER -> 153;
            case MARKET -> 136;
            case BIDS, ASKS -> 160;
            case QUEUE -> 40;
            case TRANSFER_EXPIRED -> 16;
            case TRANSFER_SETTLED -> 19;
            case TRANSFER_DROPPED -> 18;
            case TRADE -> 84;
            case ORDER_CANCELLED -> 25;
        };
    }

    private static Body readBody(EventKind kind, ByteBuffer from) {
        return switch (kind) {
            case ACCOUNT -> CommandCodec.readAccount(from);
            case TRANSFER -> readTransfer(from);
            case ORDER -> readOrder(from);
            case MARKET -> readMarket(from);
            case BIDS, ASKS -> readLevels(from);
            case QUEUE -> new FoundQueue(get128(from), get128(from), from.getLong());
            case TRANSFER_EXPIRED -> new TransferExpired(get128(from));
            case TRANSFER_SETTLED -> {
                UInt128 id = get128(from);
                from.getShort();
                yield new QueuedTransferSettled(id, SettledBy.of(from.get()));
            }
            case TRANSFER_DROPPED ->
                    new TransferDropped(get128(from), Status.of(from.getShort() & 0xFFFF));
            case TRADE -> new Trade(
                    get128(from), get128(from), get128(from), get128(from), from.getLong(),
                    from.getLong(), from.getInt());
            case ORDER_CANCELLED -> new OrderCancelled(
                    get128(from), from.getLong(), CancelReason.of(from.get()));
        };
    }

    private static FoundTransfer readTransfer(ByteBuffer from) {
        Transfer transfer = CommandCodec.readTransfer(from);
        int pending = from.get();
        int queue = from.get();
        return new FoundTransfer(
                transfer,
                pending == 0 ? Optional.empty() : Optional.of(PendingStatus.of(pending)),
                queue == 0 ? Optional.empty() : Optional.of(QueueStatus.of(queue)));
    }

    private static FoundOrder readOrder(ByteBuffer from) {
        int start = from.position();
        Order order = CommandCodec.readOrder(from);
        from.position(start + CommandCodec.BODY_BYTES);
        return new FoundOrder(
                order, from.getLong(), from.getLong(), from.getLong(), OrderStatus.of(from.get()));
    }

    private static FoundMarket readMarket(ByteBuffer from) {
        int start = from.position();
        Market market = CommandCodec.readMarket(from);
        return new FoundMarket(market, from.getLong(start + CommandCodec.BODY_BYTES));
    }

    private static Levels readLevels(ByteBuffer from) {
        List<Level> levels = new ArrayList<>(LEVELS);
        for (int at = 0; at < LEVELS; at++) {
            Level level = new Level(get128(from), from.getLong(), from.getLong());
            if (level.orders() != 0) {
                levels.add(level);
            }
        }
        return new Levels(levels);
    }
}
