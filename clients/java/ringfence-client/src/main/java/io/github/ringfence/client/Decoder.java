package io.github.ringfence.client;

import static io.github.ringfence.client.CommandCodec.get128;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Takes the bytes of an engine, gives its messages. Does no I/O. */
final class Decoder {
    private static final int START_BYTES = 512 * 1024;
    private static final int TEXT_BYTES_MAX = 240;

    private ByteBuffer bytes = ByteBuffer.allocate(START_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    /** Where the first message that is not read begins; it ends at {@code bytes.position()}. */
    private int start;
    private boolean greeted;

    /** Room for bytes of the engine, never empty; they count once they are put there. */
    ByteBuffer room() {
        if (start == bytes.position()) {
            bytes.clear();
            start = 0;
        } else if (bytes.remaining() < START_BYTES / 4) {
            // The longest message fits behind what is there.
            int capacity = Math.max(bytes.capacity(), 2 * Messages.MESSAGE_BYTES_MAX);
            ByteBuffer larger = bytes.capacity() < capacity
                    ? ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN)
                    : bytes;
            ByteBuffer rest = bytes.duplicate().flip().position(start);
            larger.clear();
            larger.put(rest);
            bytes = larger;
            start = 0;
        }
        return bytes;
    }

    /**
     * The next message that is whole, or null.
     *
     * @throws ProtocolException if this is not the protocol
     */
    Reply next() {
        int available = bytes.position() - start;
        if (available < Messages.HEADER_BYTES) {
            return null;
        }
        final int kind = Byte.toUnsignedInt(bytes.get(start + 8));
        final int op = Byte.toUnsignedInt(bytes.get(start + 9));
        final int count = Short.toUnsignedInt(bytes.getShort(start + 10));
        int length = expectedBytes(kind, op, count);
        if (bytes.getInt(start) != length) {
            throw new ProtocolException("a message of kind " + kind + " with a wrong length");
        }
        Reserved.check(bytes, start + 12, start + 16);
        if (available < length) {
            return null;
        }
        CRC32C sum = new CRC32C();
        sum.update(bytes.array(), bytes.arrayOffset() + start + 8, length - 8);
        if ((int) sum.getValue() != bytes.getInt(start + 4)) {
            throw new ProtocolException("a message with a wrong checksum");
        }
        ByteBuffer body = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        body.limit(start + length).position(start + Messages.HEADER_BYTES);
        start += length;
        greeted |= kind == Messages.HELLO;
        return read(kind, op, count, body);
    }

    /** The length that the header of a message must have. */
    private int expectedBytes(int kind, int op, int count) {
        if (kind != Messages.ERROR && (kind == Messages.HELLO) == greeted) {
            throw new ProtocolException("a message of kind " + kind + " that has no place here");
        }
        if (op != 0 && kind != Messages.COMMANDS) {
            throw new ProtocolException("a message of kind " + kind + " with an operation");
        }
        boolean isList = count >= 1 && count <= Messages.BATCH_COMMANDS_MAX;
        int length = switch (kind) {
            case Messages.HELLO -> count == 0 ? 96 : 0;
            case Messages.OUTCOMES -> isList ? 32 + 64 * count : 0;
            case Messages.COMMANDS -> isList ? 32 + CommandCodec.BODY_BYTES * count : 0;
            case Messages.EVENT -> count == 1 ? 208 : 0;
            case Messages.ERROR -> count <= TEXT_BYTES_MAX ? 32 + (count + 15) / 16 * 16 : 0;
            case Messages.SUBSCRIBE -> count == 0 ? 48 : 0;
            case Messages.HEARTBEAT -> count == 0 ? 16 : 0;
            case Messages.ORIGIN -> count == 0 ? 80 : 0;
            case Messages.PROGRESS -> count == 0 ? 32 : 0;
            default -> 0;
        };
        if (length == 0) {
            throw new ProtocolException(
                    "a message of kind " + kind + " with " + count + " records");
        }
        return length;
    }

    private static Reply read(int kind, int op, int count, ByteBuffer from) {
        return switch (kind) {
            case Messages.HELLO -> readHello(from);
            case Messages.OUTCOMES -> readOutcomes(count, from);
            case Messages.EVENT -> new Reply.Told(EventCodec.read(from));
            case Messages.ERROR -> readError(count, from);
            case Messages.SUBSCRIBE -> readSubscribed(from);
            case Messages.ORIGIN -> readOrigin(from);
            case Messages.PROGRESS -> new Reply.Progress(from.getLong(), from.getLong());
            case Messages.COMMANDS -> readCommands(Op.of(op), count, from);
            default -> new Reply.Heartbeat();
        };
    }

    private static int flag(ByteBuffer from, String name) {
        int value = from.get();
        if (value != 0 && value != 1) {
            throw new ProtocolException(name + " is " + value);
        }
        return value;
    }

    private static Reply readHello(ByteBuffer from) {
        if (from.getLong() != Messages.MAGIC) {
            throw new ProtocolException("this is not the Ringfence protocol");
        }
        int version = from.getInt();
        if (version != Messages.VERSION) {
            throw new ProtocolException("the engine speaks version " + version
                    + ", this client version " + Messages.VERSION);
        }
        final int batchMax = from.getInt();
        final int inFlightMax = from.getInt();
        final int idleMs = from.getInt();
        final long lastSequence = from.getLong();
        final UInt128 journal = get128(from);
        final long lastRequest = from.getLong();
        final int epoch = from.getInt();
        final int mode = flag(from, "mode");
        final boolean known = flag(from, "known") == 1;
        final boolean events = flag(from, "events") == 1;
        Reserved.check(from, from.position(), from.position() + 1);
        from.get();
        final long resumesAfter = from.getLong();
        Reserved.check(from, from.position(), from.limit());
        EngineInfo info = new EngineInfo(journal, epoch, batchMax, inFlightMax, idleMs);
        return new Reply.Greeting(
                info, mode, known, events, lastSequence, lastRequest, resumesAfter);
    }

    private static Reply readOutcomes(int count, ByteBuffer from) {
        long first = from.getLong();
        Reserved.check(from, from.position(), from.position() + 8);
        from.getLong();
        List<Outcome> outcomes = new ArrayList<>(count);
        for (int at = 0; at < count; at++) {
            int start = from.position();
            UInt128 id = get128(from);
            long timestamp = from.getLong();
            Status status = Status.of(Short.toUnsignedInt(from.getShort()));
            Reserved.check(from, start + 26, start + 28);
            Op op = Op.of(from.get(start + 28));
            Reserved.check(from, start + 29, start + 32);
            from.position(start + 32);
            outcomes.add(new Outcome(first + at, id, timestamp, status, op, from.getLong(),
                    from.getLong(), from.getLong(), from.getLong()));
        }
        return new Reply.Outcomes(outcomes);
    }

    private static Reply readError(int count, ByteBuffer from) {
        int start = from.position();
        int code = Short.toUnsignedInt(from.getShort());
        Reserved.check(from, start + 2, start + 8);
        from.position(start + 8);
        long value = from.getLong();
        byte[] text = new byte[count];
        from.get(text);
        Reserved.check(from, from.position(), from.limit());
        return new Reply.Failed(code, value, new String(text, StandardCharsets.UTF_8));
    }

    private static Reply readSubscribed(ByteBuffer from) {
        Reply reply = new Reply.Subscribed(from.getLong(), from.getLong(), from.getLong());
        Reserved.check(from, from.position(), from.limit());
        return reply;
    }

    private static Reply readOrigin(ByteBuffer from) {
        final long firstSequence = from.getLong();
        final long firstTimestamp = from.getLong();
        final UInt128 session = get128(from);
        final UInt128 tag = get128(from);
        final long number = from.getLong();
        int commands = from.getInt();
        if (commands < 1 || commands > Messages.BATCH_COMMANDS_MAX) {
            throw new ProtocolException("an origin of " + commands + " commands");
        }
        Op op = Op.of(from.get());
        Reserved.check(from, from.position(), from.limit());
        return new Reply.Begun(
                new Origin(firstSequence, firstTimestamp, session, tag, number, commands, op));
    }

    private static Reply readCommands(Op op, int count, ByteBuffer from) {
        final long firstSequence = from.getLong();
        final long firstTimestamp = from.getLong();
        int start = from.position();
        List<CommandTaken> commands = new ArrayList<>(count);
        for (int at = 0; at < count; at++) {
            from.position(start + at * CommandCodec.BODY_BYTES);
            long sequence = firstSequence + at;
            long timestamp = firstTimestamp + at;
            CommandCodec.read(op, from).ifPresent(command ->
                    commands.add(new CommandTaken(sequence, timestamp, command)));
        }
        return new Reply.Commands(firstSequence, firstTimestamp, op, commands);
    }
}
