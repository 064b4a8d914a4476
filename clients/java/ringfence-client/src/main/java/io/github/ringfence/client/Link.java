package io.github.ringfence.client;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps a session connected, with two threads.
 *
 * <pre>
 *   submit ──▶ queue ──▶ writer ──▶ engine ──▶ reader ──▶ answers, events
 *                        batches              connects, resumes
 * </pre>
 *
 * <p>While the writer sends one batch, single commands pile up in the queue: the next batch takes
 * all that go together. So there is no time to wait for, and no batch size to choose.
 */
final class Link {
    private static final System.Logger LOG = System.getLogger(Link.class.getName());

    private final Endpoint endpoint;
    private final int inFlightMax;
    private final Thread reader;
    private final Thread writer;

    private final ReentrantLock lock = new ReentrantLock();
    /** There is something to send, or a connection to send it on. */
    private final Condition work = lock.newCondition();
    /** There is room for more commands. */
    private final Condition room = lock.newCondition();
    /** A connection is there or gone, or all is over. */
    private final Condition state = lock.newCondition();
    // All below is guarded by the lock.
    private final Session session;
    private final Deque<Submission> queue = new ArrayDeque<>();
    private int queued;
    private final Deque<byte[]> again = new ArrayDeque<>();
    private Connection current;
    private RingfenceException failure;
    private boolean closed;

    Link(Endpoint endpoint, Session session, int inFlightMax) {
        this.endpoint = endpoint;
        this.session = session;
        this.inFlightMax = inFlightMax;
        reader = new Thread(this::read, "ringfence-reader " + endpoint);
        writer = new Thread(this::write, "ringfence-writer " + endpoint);
        reader.setDaemon(true);
        writer.setDaemon(true);
    }

    void start() {
        reader.start();
        writer.start();
    }

    /** True on the thread that completes futures: waiting there for another one never ends. */
    boolean isOnReader() {
        return Thread.currentThread() == reader;
    }

    // For callers.

    /** Hands over {@code submission}, once there is room. */
    void submit(Submission submission) {
        int count = submission.commands().size();
        RingfenceException refused;
        lock.lock();
        try {
            // The reader makes the room, so a callback on it does not wait.
            while (failure == null && !isOnReader() && !hasRoom(count)) {
                room.await();
            }
            refused = failure;
            if (refused == null) {
                queue.add(submission);
                queued += count;
                work.signal();
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            refused = new RingfenceException("interrupted before the commands were sent", error);
        } finally {
            lock.unlock();
        }
        if (refused != null) {
            submission.failed(refused);
        }
    }

    private boolean hasRoom(int count) {
        int underWay = queued + session.underWay();
        int limit = inFlightMax;
        if (session.engine() != null) {
            limit = Math.min(limit, session.engine().inFlightCommandsMax());
        }
        return underWay == 0 || underWay + count <= limit;
    }

    /** Waits until the engine has answered the hello. */
    void awaitConnected() {
        lock.lock();
        try {
            while (failure == null && current == null) {
                state.await();
            }
            if (failure != null) {
                throw failure;
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new RingfenceException("interrupted before the engine was reached", error);
        } finally {
            lock.unlock();
        }
    }

    boolean isConnected() {
        return locked(() -> current != null);
    }

    Optional<RingfenceException> failure() {
        return locked(() -> Optional.ofNullable(failure));
    }

    Optional<EngineInfo> engine() {
        return locked(() -> Optional.ofNullable(session.engine()));
    }

    int underWay() {
        return locked(() -> queued + session.underWay());
    }

    long lastSequence() {
        return locked(session::lastSequence);
    }

    long lastNumber() {
        return locked(session::lastNumber);
    }

    private <T> T locked(java.util.function.Supplier<T> what) {
        lock.lock();
        try {
            return what.get();
        } finally {
            lock.unlock();
        }
    }

    void close() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        fail(new ConnectionLostException("the client was closed"));
        reader.interrupt();
    }

    /** All is over: whatever waits gets {@code error}, the first one that there was. */
    private void fail(RingfenceException error) {
        List<Runnable> told = new ArrayList<>();
        lock.lock();
        try {
            if (failure == null) {
                failure = error;
            }
            RingfenceException first = failure;
            session.failAll(first);
            told.addAll(session.takeTold());
            queue.forEach(submission -> told.add(() -> submission.failed(first)));
            queue.clear();
            queued = 0;
            if (current != null) {
                current.close();
                current = null;
            }
            room.signalAll();
            work.signalAll();
            state.signalAll();
        } finally {
            lock.unlock();
        }
        tell(told);
    }

    private static void tell(List<Runnable> told) {
        for (Runnable each : told) {
            try {
                each.run();
            } catch (RuntimeException error) {
                LOG.log(System.Logger.Level.WARNING, "a callback failed", error);
            }
        }
    }

    // The reader.

    private void read() {
        BackOff backOff = endpoint.backOff();
        while (failure().isEmpty()) {
            try {
                RingfenceException cause = serveOne(backOff);
                OptionalLong delay = backOff.next();
                if (delay.isEmpty()) {
                    fail(cause);
                } else {
                    TimeUnit.NANOSECONDS.sleep(delay.getAsLong());
                }
            } catch (RingfenceException error) {
                fail(error);
            } catch (InterruptedException error) {
                fail(new ConnectionLostException("the client was closed"));
            } catch (RuntimeException | Error error) {
                // A bug: whoever waits is told.
                fail(new RingfenceException("the client has failed: " + error, error));
            }
        }
    }

    /** One connection from its start to its end; returns why it ended, if another may follow. */
    private RingfenceException serveOne(BackOff backOff) {
        try (Connection connection = Connection.open(endpoint)) {
            serve(connection, backOff);
            throw new AssertionError("a connection ends with an exception");
        } catch (RefusedException error) {
            if (!error.isTemporary()) {
                throw error;
            }
            return error;
        } catch (IOException error) {
            return new ConnectionLostException(endpoint + ": " + error.getMessage(), error);
        } finally {
            ended();
        }
    }

    private void serve(Connection connection, BackOff backOff) throws IOException {
        byte[] hello = locked(() -> session.greeting(endpoint.token(), inFlightMax));
        Reply.Greeting greeting = connection.greet(hello);
        backOff.restart();
        List<Runnable> told;
        lock.lock();
        try {
            again.addAll(session.welcome(greeting));
            told = session.takeTold();
            if (failure == null) {
                current = connection;
            }
            work.signalAll();
            state.signalAll();
        } finally {
            lock.unlock();
        }
        tell(told);
        while (true) {
            take(connection.receive());
            backOff.restart();
        }
    }

    private void take(Reply reply) {
        List<Runnable> told;
        lock.lock();
        try {
            session.receive(reply);
            told = session.takeTold();
            room.signalAll();
        } finally {
            lock.unlock();
        }
        tell(told);
    }

    private void ended() {
        List<Runnable> told;
        lock.lock();
        try {
            current = null;
            again.clear();
            session.connectionEnded();
            told = session.takeTold();
            room.signalAll();
            state.signalAll();
        } finally {
            lock.unlock();
        }
        tell(told);
    }

    // The writer.

    private void write() {
        while (true) {
            Connection connection;
            byte[] message;
            lock.lock();
            try {
                while (failure == null && (current == null || again.isEmpty() && queue.isEmpty())) {
                    work.awaitUninterruptibly();
                }
                if (failure != null) {
                    return;
                }
                connection = current;
                message = again.isEmpty() ? nextBatch() : again.remove();
            } finally {
                lock.unlock();
            }
            try {
                connection.write(message);
            } catch (IOException error) {
                // The reader finds it closed, and connects again.
                connection.close();
            }
        }
    }

    /** Takes the first of the queue, and all singles behind it that go with it. */
    private byte[] nextBatch() {
        Submission first = queue.remove();
        if (!(first instanceof Submission.Single single)) {
            queued -= first.commands().size();
            return session.push(first.commands(), first.tag(), first);
        }
        List<Submission.Single> singles = new ArrayList<>();
        List<Command> commands = new ArrayList<>();
        singles.add(single);
        commands.add(single.command());
        int most = Math.min(Messages.BATCH_COMMANDS_MAX, session.engine().batchCommandsMax());
        while (commands.size() < most
                && queue.peek() instanceof Submission.Single next && single.goesWith(next)) {
            queue.remove();
            singles.add(next);
            commands.add(next.command());
        }
        queued -= commands.size();
        return session.push(commands, UInt128.ZERO, new Submission.Shared(singles));
    }
}
