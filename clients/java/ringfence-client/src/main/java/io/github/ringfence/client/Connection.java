package io.github.ringfence.client;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One connection to an engine: messages in, bytes out, and a clock.
 *
 * <p>The clock sends heartbeats while nobody writes, and closes the connection if a read waits for
 * longer than the engine may be silent. Time in which nobody reads does not count: a slow consumer
 * is no silent engine.
 */
final class Connection implements Closeable {
    private static final long TICK_MS = 400;
    /** The protocol wants a heartbeat after a second without another message. */
    private static final long HEARTBEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
    /** How long the engine may be silent before its hello has come. */
    private static final long GREETING_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final byte[] HEARTBEAT = Messages.heartbeat();

    /** One thread for the clocks of all connections. */
    private static final class Clock {
        private static final ScheduledThreadPoolExecutor CLOCK = start();

        private static ScheduledThreadPoolExecutor start() {
            ScheduledThreadPoolExecutor clock = new ScheduledThreadPoolExecutor(1, task -> {
                Thread thread = new Thread(task, "ringfence-clock");
                thread.setDaemon(true);
                return thread;
            });
            clock.setRemoveOnCancelPolicy(true);
            return clock;
        }
    }

    private final Wire wire;
    private final Decoder decoder = new Decoder();
    private final ReentrantLock writing = new ReentrantLock();
    private final Future<?> ticks;
    private volatile long idleNanos = GREETING_NANOS;
    private volatile long wroteNanos = System.nanoTime();
    /** When the read began that waits now; only looked at while {@code reads} is true. */
    private volatile long readsSinceNanos;
    private volatile boolean reads;
    private volatile boolean silent;

    private Connection(Wire wire) {
        this.wire = wire;
        ticks = Clock.CLOCK.scheduleWithFixedDelay(
                this::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
    }

    static Connection open(Endpoint endpoint) throws IOException {
        return new Connection(Wire.open(endpoint));
    }

    /** Sends {@code hello} and returns what the engine answers. */
    Reply.Greeting greet(byte[] hello) throws IOException {
        write(hello);
        if (!(receive() instanceof Reply.Greeting greeting)) {
            throw new ProtocolException("the engine did not begin with a hello");
        }
        int idleMs = greeting.info().idleTimeoutMs();
        idleNanos = TimeUnit.MILLISECONDS.toNanos(idleMs == 0 ? 30_000 : idleMs);
        return greeting;
    }

    /**
     * Waits for the next message.
     *
     * @throws IOException if the connection ended or the engine is silent
     * @throws RefusedException if the engine says why it ends the connection
     */
    Reply receive() throws IOException {
        Reply reply = decoder.next();
        while (reply == null) {
            fill();
            reply = decoder.next();
        }
        if (reply instanceof Reply.Failed failed) {
            throw new RefusedException(failed.code(), failed.value(), failed.text());
        }
        return reply;
    }

    private void fill() throws IOException {
        readsSinceNanos = System.nanoTime();
        reads = true;
        try {
            if (wire.read(decoder.room()) < 0) {
                throw new EOFException("the engine closed the connection");
            }
        } catch (IOException error) {
            throw silent ? new IOException("the engine is silent", error) : error;
        } finally {
            reads = false;
        }
    }

    void write(byte[] message) throws IOException {
        writing.lock();
        try {
            wire.write(ByteBuffer.wrap(message));
            wroteNanos = System.nanoTime();
        } finally {
            writing.unlock();
        }
    }

    private void tick() {
        long now = System.nanoTime();
        if (reads && now - readsSinceNanos > idleNanos) {
            silent = true;
            close();
        } else if (now - wroteNanos > HEARTBEAT_NANOS && writing.tryLock()) {
            try {
                write(HEARTBEAT);
            } catch (IOException error) {
                // Whoever reads gets the error.
                close();
            } finally {
                writing.unlock();
            }
        }
    }

    @Override
    public void close() {
        ticks.cancel(false);
        try {
            wire.close();
        } catch (IOException error) {
            // It is given up all the same: nothing more is read or written.
        }
    }
}
