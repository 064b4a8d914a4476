package io.github.ringfence.client;

/**
 * An effect of a command besides its outcome.
 *
 * @param sequence of the command, unsigned
 * @param timestamp of the command, in nanoseconds since 1970
 * @param number of the event, unsigned, from 1; 0 for what a look-up found
 * @param kind what it tells
 * @param body its content
 */
public record Event(
        long sequence,
        long timestamp,
        long number,
        EventKind kind,
        Body body)
        implements Happening {
}
