package io.github.ringfence.client;

import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/** A subscription for each subscriber, on a thread of its own, which reads what is asked for. */
final class SubscriptionPublisher implements Flow.Publisher<Message> {
    private final Supplier<Subscription> open;

    SubscriptionPublisher(Supplier<Subscription> open) {
        this.open = open;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super Message> subscriber) {
        Objects.requireNonNull(subscriber, "subscriber");
        Feed feed = new Feed(open.get(), subscriber);
        Thread thread = new Thread(feed, "ringfence-publisher");
        thread.setDaemon(true);
        thread.start();
    }

    /** Gives one subscriber its messages; all its signals come from one thread. */
    private static final class Feed implements Runnable, Flow.Subscription {
        private final Subscription subscription;
        private final Flow.Subscriber<? super Message> subscriber;
        private final Semaphore work = new Semaphore(0);
        // Guarded by this.
        private long demand;
        private boolean cancelled;
        private IllegalArgumentException mistake;

        Feed(Subscription subscription, Flow.Subscriber<? super Message> subscriber) {
            this.subscription = subscription;
            this.subscriber = subscriber;
        }

        @Override
        public void request(long count) {
            synchronized (this) {
                if (count <= 0) {
                    mistake = new IllegalArgumentException("asked for " + count + " messages");
                } else {
                    demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
                }
            }
            if (count <= 0) {
                subscription.close();
            }
            work.release();
        }

        @Override
        public void cancel() {
            synchronized (this) {
                cancelled = true;
            }
            subscription.close();
            work.release();
        }

        private synchronized boolean isOver() {
            return cancelled || mistake != null;
        }

        /** Waits until something is asked for; false if all is over. */
        private boolean awaitDemand() {
            while (true) {
                synchronized (this) {
                    if (isOver()) {
                        return false;
                    }
                    if (demand > 0) {
                        demand -= demand == Long.MAX_VALUE ? 0 : 1;
                        return true;
                    }
                }
                work.acquireUninterruptibly();
                work.drainPermits();
            }
        }

        @Override
        public void run() {
            subscriber.onSubscribe(this);
            try {
                Iterator<Message> messages = subscription.iterator();
                while (awaitDemand() && messages.hasNext()) {
                    subscriber.onNext(messages.next());
                }
                end(null);
            } catch (RuntimeException | Error error) {
                end(error);
            } finally {
                subscription.close();
            }
        }

        private void end(Throwable error) {
            Throwable told;
            synchronized (this) {
                if (cancelled) {
                    return;
                }
                told = mistake != null ? mistake : error;
            }
            if (told == null) {
                subscriber.onComplete();
            } else {
                subscriber.onError(told);
            }
        }
    }
}
