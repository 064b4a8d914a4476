package io.github.ringfence.client;

import static io.github.ringfence.client.CommandCodec.put128;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.zip.CRC32C;

/** The messages of a client as bytes. */
final class Messages {
    static final int VERSION = 3;
    /** {@code RINGFNCE}, read as a little-endian number. */
    static final long MAGIC = 0x45434E46_474E4952L;
    static final int BATCH_COMMANDS_MAX = 8192;
    static final int HEADER_BYTES = 16;
    static final int MESSAGE_BYTES_MAX = 48 + BATCH_COMMANDS_MAX * CommandCodec.BODY_BYTES;
    static final int TOKEN_BYTES_MAX = 512;
    static final int FILTER_ENTRIES_MAX = 1024;

    static final int HELLO = 1;
    static final int BATCH = 2;
    static final int OUTCOMES = 3;
    static final int EVENT = 4;
    static final int ERROR = 5;
    static final int SUBSCRIBE = 6;
    static final int ACKNOWLEDGE = 7;
    static final int HEARTBEAT = 8;
    static final int ORIGIN = 9;
    static final int PROGRESS = 10;
    static final int COMMANDS = 11;

    /** The fields of a client's hello. */
    record Hello(int inFlightCommandsMax, UInt128 session, UInt128 journal, long lastSequence,
            int epoch, int mode, boolean resume, boolean events, byte[] token) {
    }

    private Messages() {
    }

    private static ByteBuffer begin(int bytes) {
        ByteBuffer message = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        return message.position(HEADER_BYTES);
    }

    private static byte[] end(int kind, int op, int count, ByteBuffer message) {
        byte[] bytes = message.array();
        message.putInt(0, bytes.length);
        message.put(8, (byte) kind).put(9, (byte) op).putShort(10, (short) count);
        CRC32C sum = new CRC32C();
        sum.update(bytes, 8, bytes.length - 8);
        message.putInt(4, (int) sum.getValue());
        return bytes;
    }

    static byte[] hello(Hello hello) {
        int count = hello.token.length;
        if (count > TOKEN_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a token has at most " + TOKEN_BYTES_MAX + " bytes, not " + count);
        }
        ByteBuffer message = begin(96 + (count + 15) / 16 * 16);
        message.putLong(MAGIC).putInt(VERSION).putInt(hello.inFlightCommandsMax);
        put128(message, hello.session);
        put128(message, hello.journal);
        message.putLong(hello.lastSequence).putInt(hello.epoch).put((byte) hello.mode);
        message.put((byte) (hello.resume ? 1 : 0)).put((byte) (hello.events ? 1 : 0));
        message.position(96).put(hello.token);
        return end(HELLO, 0, count, message);
    }

    static byte[] batch(List<? extends Command> commands, long number, UInt128 tag) {
        int count = commands.size();
        ByteBuffer message = begin(48 + count * CommandCodec.BODY_BYTES);
        message.putLong(number).putLong(0);
        put128(message, tag);
        for (Command command : commands) {
            CommandCodec.write(command, message);
        }
        return end(BATCH, commands.get(0).op().number(), count, message);
    }

    /** Begins a subscription. {@code start}: 0 after the sequence, 1 from now on, 2 by the name. */
    static byte[] subscribe(Wish wish, long afterSequence, int start, UInt128 name) {
        int entries = wish.ledgers().size() + wish.accounts().size();
        ByteBuffer message = begin(64 + 16 * entries);
        message.putLong(start == 0 ? afterSequence : 0).putLong(0);
        put128(message, name);
        message.put((byte) wish.wants()).put((byte) (wish.onlySuccesses() ? 1 : 0));
        message.put((byte) start).put((byte) 0);
        message.putShort((short) wish.ledgers().size()).putShort((short) wish.accounts().size());
        message.putLong(wish.operations().stream().mapToLong(op -> 1L << op.number()).sum());
        for (int ledger : wish.ledgers()) {
            message.putInt(ledger).putInt(0).putLong(0);
        }
        for (UInt128 account : wish.accounts()) {
            put128(message, account);
        }
        return end(SUBSCRIBE, 0, entries, message);
    }

    static byte[] acknowledge(long sequence) {
        return end(ACKNOWLEDGE, 0, 0, begin(32).putLong(sequence));
    }

    static byte[] heartbeat() {
        return end(HEARTBEAT, 0, 0, begin(HEADER_BYTES));
    }
}
