package io.github.ringfence.client;

/** What a subscription tells: an outcome, an event or a command. */
public sealed interface Happening permits Outcome, Event, CommandTaken {
    /**
     * Sequence of the command.
     *
     * @return the sequence, unsigned
     */
    long sequence();

    /**
     * When the engine took the command in.
     *
     * @return nanoseconds since 1970
     */
    long timestamp();
}
