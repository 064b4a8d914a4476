package io.github.ringfence.client;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;

/** Times to wait before each further attempt to connect, and when to give up. */
final class BackOff {
    private final long firstNanos;
    private final long largestNanos;
    private final long retryNanos;
    private long nextNanos;
    private long startedNanos;

    BackOff(Duration first, Duration largest, Duration retryFor) {
        firstNanos = first.toNanos();
        largestNanos = largest.toNanos();
        retryNanos = retryFor.toNanos();
        restart();
    }

    /** The connection was there: the time to try begins anew. */
    void restart() {
        nextNanos = firstNanos;
        startedNanos = System.nanoTime();
    }

    /** Nanoseconds to wait before the next attempt; empty: give up. */
    OptionalLong next() {
        long shortest = nextNanos / 2;
        long delay = shortest + ThreadLocalRandom.current().nextLong(nextNanos - shortest + 1);
        nextNanos = Math.min(2 * nextNanos, largestNanos);
        long tried = System.nanoTime() - startedNanos;
        return tried + delay > retryNanos ? OptionalLong.empty() : OptionalLong.of(delay);
    }
}
