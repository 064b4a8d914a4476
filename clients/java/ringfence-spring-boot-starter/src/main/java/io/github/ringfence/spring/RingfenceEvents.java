package io.github.ringfence.spring;

import io.github.ringfence.client.Endpoint;
import io.github.ringfence.client.Message;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Position;
import io.github.ringfence.client.Subscription;
import io.github.ringfence.client.Wish;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.SmartLifecycle;

/**
 * Publishes what happens in the engine as {@link RingfenceEvent}s, on a thread of its own, while
 * the application runs.
 *
 * <pre>
 *   subscription ──▶ listeners ──▶ position store
 *                     throws: the same event again, after a while
 * </pre>
 */
public final class RingfenceEvents implements SmartLifecycle {
    private static final Log LOG = LogFactory.getLog(RingfenceEvents.class);
    private static final long PAUSE_MS_MIN = 100;
    private static final long PAUSE_MS_MAX = 5_000;
    /** How long a stop waits for listeners that are at work, before it interrupts them. */
    private static final long STOP_MS = 1_000;

    private final Endpoint endpoint;
    private final RingfenceProperties.Events properties;
    private final PositionStore positions;
    private final ApplicationEventPublisher publisher;
    private final Consumer<RingfenceEvent> observer;
    private volatile Subscription subscription;
    private volatile Thread thread;
    /** Why a listener or the position store holds events up. */
    private volatile RuntimeException held;
    /** Why the last subscription ended. */
    private volatile RuntimeException ended;

    RingfenceEvents(
            Endpoint endpoint, RingfenceProperties.Events properties, PositionStore positions,
            ApplicationEventPublisher publisher, Consumer<RingfenceEvent> observer) {
        this.endpoint = endpoint;
        this.properties = properties;
        this.positions = positions;
        this.publisher = publisher;
        this.observer = observer;
    }

    /**
     * True while the engine is there.
     *
     * @return whether there is a connection now
     */
    public boolean isConnected() {
        Subscription now = subscription;
        return now != null && now.isConnected();
    }

    /**
     * Why events do not go on: the last error of a listener, of the position store or of the
     * subscription, until it is over.
     *
     * @return the error
     */
    public Optional<RuntimeException> failure() {
        return Optional.ofNullable(held != null || isConnected() ? held : ended);
    }

    /**
     * Up to where events have been handed out.
     *
     * @return the position
     */
    public Optional<Position> position() {
        return Optional.ofNullable(subscription).flatMap(Subscription::position);
    }

    @Override
    public synchronized void start() {
        thread = new Thread(this::run, "ringfence-events");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public synchronized void stop() {
        Thread running = thread;
        thread = null;
        Subscription now = subscription;
        if (now != null) {
            now.close();
        }
        if (running == null) {
            return;
        }
        try {
            running.join(STOP_MS);
            running.interrupt();
            running.join(STOP_MS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return thread != null;
    }

    private boolean isStopped() {
        return thread != Thread.currentThread();
    }

    private void run() {
        Pause pause = new Pause();
        while (!isStopped()) {
            try {
                follow(pause);
            } catch (RuntimeException error) {
                if (isStopped()) {
                    return;
                }
                ended = error;
                LOG.error("events from " + endpoint + " stopped; they are tried again", error);
                pause.sleep();
            }
        }
    }

    private void follow(Pause pause) {
        Wish.Builder wish = Wish.builder()
                .commands(true).onlySuccesses(properties.onlySuccesses());
        properties.ledgers().forEach(wish::ledger);
        Subscription.Builder builder = Subscription.builder(endpoint)
                .wish(wish.build()).onProgress(this::store);
        Optional<Position> stored = positions.load().or(this::position);
        if (stored.isPresent()) {
            builder.after(stored.get());
        } else if (properties.from() == RingfenceProperties.Start.BEGINNING) {
            builder.afterSequence(0);
        }
        EventMapper mapper = new EventMapper();
        try (Subscription opened = builder.open()) {
            subscription = opened;
            if (isStopped()) {
                // Stopped before there was a subscription to close.
                return;
            }
            for (Message message : opened) {
                Optional<RingfenceEvent> event = mapper.map(message.what());
                event.ifPresent(this::publish);
                if (message.what() instanceof Outcome) {
                    store(message.position());
                }
                pause.restart();
            }
        }
    }

    /** Publishes an event until all listeners have taken it. */
    private void publish(RingfenceEvent event) {
        untilDone("a listener failed; the event is published again: " + event, () -> {
            publisher.publishEvent(event);
            observer.accept(event);
        });
    }

    private void store(Position position) {
        untilDone("the position " + position + " could not be stored; it is tried again",
                () -> positions.store(position));
    }

    private void untilDone(String onFailure, Runnable task) {
        Pause pause = new Pause();
        while (true) {
            try {
                task.run();
                held = null;
                return;
            } catch (RuntimeException error) {
                if (isStopped()) {
                    throw error;
                }
                held = error;
                LOG.error(onFailure, error);
                pause.sleep();
            }
        }
    }

    /** Time between two attempts, each twice as long as the one before. */
    private static final class Pause {
        private long ms = PAUSE_MS_MIN;

        void restart() {
            ms = PAUSE_MS_MIN;
        }

        void sleep() {
            try {
                Thread.sleep(ms);
            } catch (InterruptedException error) {
                // Stopping: whoever sleeps looks next if it is to go on.
                Thread.currentThread().interrupt();
            }
            ms = Math.min(2 * ms, PAUSE_MS_MAX);
        }
    }
}
