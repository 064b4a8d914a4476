package io.github.ringfence.client;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * What happens in the engine, from a sequence on or from now on, for ever; connects again by
 * itself, and resumes where it was.
 *
 * <pre>{@code
 * try (Subscription happenings = Subscription.builder(endpoint).after(stored).open()) {
 *     for (Message message : happenings) {
 *         dealWith(message.what());
 *         store(message.position());
 *     }
 * }
 * }</pre>
 *
 * <p>It reads when it is asked for the next message: who is slow slows nobody else. One thread
 * iterates; any thread may close it, acknowledge or ask for the position.
 */
public final class Subscription implements Iterable<Message>, AutoCloseable {
    private static final int START_AFTER = 0;
    private static final int START_NOW = 1;
    private static final int START_ACKNOWLEDGED = 2;

    private final Endpoint endpoint;
    private final Wish wish;
    private final UInt128 name;
    private final Consumer<Position> onProgress;
    private final BackOff backOff;
    private final Deque<Message> ready = new ArrayDeque<>();
    /** After what has been fetched: where a new connection begins. */
    private Position fetched;
    /** What {@code onProgress} was called with last. */
    private Position told;
    /** After what has been handed out. */
    private volatile Position position;
    private volatile Connection connection;
    private volatile boolean subscribed;
    private volatile boolean closed;
    private int start;
    private Origin origin;
    private long lastEvent;

    private Subscription(Builder builder) {
        endpoint = builder.endpoint;
        wish = builder.wish;
        name = builder.name;
        onProgress = builder.onProgress;
        fetched = builder.after;
        position = builder.after;
        backOff = endpoint.backOff();
        start = fetched != null ? START_AFTER : name.isZero() ? START_NOW : START_ACKNOWLEDGED;
    }

    /**
     * Begins a builder.
     *
     * @param endpoint the engine
     * @return the builder
     */
    public static Builder builder(Endpoint endpoint) {
        return new Builder(endpoint);
    }

    /** Builds a subscription. */
    public static final class Builder {
        private final Endpoint endpoint;
        private Wish wish = Wish.outcomesAndEvents();
        private UInt128 name = UInt128.ZERO;
        private Position after;
        private Consumer<Position> onProgress = position -> { };

        private Builder(Endpoint endpoint) {
            this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
        }

        /**
         * Says what to be told; by default all outcomes and numbered events.
         *
         * @param wish the wish
         * @return this builder
         */
        public Builder wish(Wish wish) {
            this.wish = Objects.requireNonNull(wish, "wish");
            return this;
        }

        /**
         * Begins after a place that was stored. Without it the subscription begins now, or with a
         * name where that was acknowledged last.
         *
         * @param position as {@link Message#position} or {@link Subscription#position} said
         * @return this builder
         */
        public Builder after(Position position) {
            after = Objects.requireNonNull(position, "position");
            return this;
        }

        /**
         * Begins after a sequence of whatever history the engine has. 0: with all that it keeps.
         *
         * @param sequence the sequence, unsigned
         * @return this builder
         */
        public Builder afterSequence(long sequence) {
            return after(new Position(UInt128.ZERO, 0, sequence));
        }

        /**
         * Gives it a name: the engine remembers what was acknowledged under it, and keeps outcomes
         * for it. A name that is new begins now. One subscription at a time can hold a name.
         *
         * @param name the name
         * @return this builder
         */
        public Builder name(String name) {
            this.name = SessionId.of(name);
            return this;
        }

        /**
         * Asks for places behind which nothing is open, also where no message passes: where the
         * subscription begins, and about once a second while commands go by that the wish leaves
         * out. Whoever stores them resumes there instead of looking through it all again.
         *
         * @param callback gets a position when the iterator is asked for the next message, so that
         *     all before it has been dealt with; it is called on the thread that asks
         * @return this builder
         */
        public Builder onProgress(Consumer<Position> callback) {
            onProgress = Objects.requireNonNull(callback, "callback");
            return this;
        }

        /**
         * Makes the subscription. It connects when it is asked for the first message.
         *
         * @return the subscription
         */
        public Subscription open() {
            return new Subscription(this);
        }

        /**
         * Makes a publisher: each of its subscribers gets a subscription, and a thread, of its own.
         *
         * @return the publisher
         */
        public Flow.Publisher<Message> publisher() {
            return new SubscriptionPublisher(this::open);
        }

        /**
         * Makes a subscription and a thread that calls back with each message.
         *
         * @param callback gets the messages in order
         * @param onError gets what ended the subscription, unless it was closed
         * @return the subscription; close it to end the thread
         */
        public Subscription listen(Consumer<Message> callback, Consumer<Throwable> onError) {
            Subscription subscription = open();
            Thread thread = new Thread(() -> {
                try {
                    subscription.forEach(callback);
                } catch (RuntimeException | Error error) {
                    onError.accept(error);
                } finally {
                    subscription.close();
                }
            }, "ringfence-subscription " + endpoint);
            thread.setDaemon(true);
            thread.start();
            return subscription;
        }
    }

    /**
     * Everything up to here has been handed out; empty before the engine has answered.
     *
     * @return the position
     */
    public Optional<Position> position() {
        return Optional.ofNullable(position);
    }

    /**
     * True while the engine is there and has taken the subscription.
     *
     * @return whether there is a connection now
     */
    public boolean isConnected() {
        return subscribed;
    }

    /**
     * Moves the place that the engine remembers under the name. If there is no connection now,
     * nothing happens: acknowledge a later place then. The engine does not answer, and stores it a
     * little later: what is acknowledged just before the subscription is closed may be lost, and
     * comes again.
     *
     * @param position everything up to it has been dealt with
     */
    public void acknowledge(Position position) {
        Connection now = connection;
        if (now != null) {
            try {
                now.write(Messages.acknowledge(position.sequence()));
            } catch (IOException error) {
                // Whoever reads finds it closed, and connects again.
                now.close();
            }
        }
    }

    /** Ends the subscription, and whoever waits for a message; a place under a name stays. */
    @Override
    public void close() {
        closed = true;
        subscribed = false;
        Connection now = connection;
        if (now != null) {
            now.close();
        }
    }

    /**
     * The messages, in order. It ends when the subscription is closed; there is one place in it,
     * which all iterators share.
     *
     * @return the iterator; it throws a {@link RingfenceException} when it gives up
     */
    @Override
    public Iterator<Message> iterator() {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                while (ready.isEmpty() && !closed) {
                    fetch();
                    if (ready.isEmpty() && fetched != null && !fetched.equals(told)) {
                        position = fetched;
                        told = fetched;
                        onProgress.accept(fetched);
                    }
                }
                return !ready.isEmpty() && !closed;
            }

            @Override
            public Message next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("the subscription was closed");
                }
                Message message = ready.remove();
                position = message.position();
                return message;
            }
        };
    }

    /** Takes one message of the engine; connects first where that is needed. */
    private void fetch() {
        RingfenceException cause;
        try {
            if (connection == null) {
                connect();
            }
            take(connection.receive());
            return;
        } catch (RefusedException error) {
            boolean isNewName = start == START_ACKNOWLEDGED
                    && error.code() == ErrorCode.UNKNOWN_SUBSCRIPTION.number();
            if (isNewName) {
                // It begins now, and is known from its first acknowledgement on.
                start = START_NOW;
            } else if (!error.isTemporary()) {
                disconnect();
                throw error;
            }
            cause = error;
        } catch (ProtocolException error) {
            disconnect();
            throw error;
        } catch (IOException error) {
            cause = new ConnectionLostException(endpoint + ": " + error.getMessage(), error);
        }
        disconnect();
        pause(cause);
    }

    private void pause(RingfenceException cause) {
        OptionalLong delay = backOff.next();
        if (closed) {
            return;
        }
        if (delay.isEmpty()) {
            throw cause;
        }
        try {
            TimeUnit.NANOSECONDS.sleep(delay.getAsLong());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            close();
        }
    }

    private void disconnect() {
        Connection now = connection;
        connection = null;
        subscribed = false;
        if (now != null) {
            now.close();
        }
    }

    private void connect() throws IOException {
        Connection opened = Connection.open(endpoint);
        connection = opened;
        if (closed) {
            // Closed before there was a connection to close.
            opened.close();
        }
        UInt128 journal = fetched == null ? UInt128.ZERO : fetched.journal();
        int epoch = fetched == null ? 0 : fetched.epoch();
        EngineInfo engine = opened.greet(Messages.hello(new Messages.Hello(
                0, UInt128.ZERO, journal, 0, epoch, 1, false, false, endpoint.token()))).info();
        long after = fetched == null ? 0 : fetched.sequence();
        fetched = new Position(engine.journal(), engine.epoch(), after);
        origin = null;
        opened.write(Messages.subscribe(wish, after, start, name));
    }

    private void take(Reply reply) {
        backOff.restart();
        if (reply instanceof Reply.Subscribed taken) {
            moveTo(taken.afterSequence());
            start = START_AFTER;
            subscribed = !closed;
        } else if (reply instanceof Reply.Progress progress) {
            if (Long.compareUnsigned(progress.sequence(), fetched.sequence()) > 0) {
                moveTo(progress.sequence());
            }
        } else if (reply instanceof Reply.Begun begun) {
            origin = begun.origin();
        } else if (reply instanceof Reply.Outcomes outcomes) {
            for (Outcome outcome : outcomes.outcomes()) {
                moveTo(outcome.sequence());
                add(outcome);
            }
        } else if (reply instanceof Reply.Told happened) {
            Event event = happened.event();
            boolean isNew = Long.compareUnsigned(event.number(), lastEvent) > 0;
            if (isNew || !event.kind().isNumbered()) {
                lastEvent = isNew ? event.number() : lastEvent;
                // Its outcome is still to come: who resumes before that sees it again.
                add(event);
            }
        } else if (reply instanceof Reply.Commands commands) {
            commands.commands().forEach(this::add);
        } else if (!(reply instanceof Reply.Heartbeat)) {
            throw new ProtocolException("a message that has no place here: " + reply);
        }
    }

    private void moveTo(long sequence) {
        fetched = new Position(fetched.journal(), fetched.epoch(), sequence);
    }

    private void add(Happening what) {
        ready.add(new Message(fetched, what, originOf(what.sequence())));
    }

    private Optional<Origin> originOf(long sequence) {
        return Optional.ofNullable(origin).filter(known ->
                Long.compareUnsigned(sequence - known.firstSequence(), known.commands()) < 0);
    }
}
