package io.github.ringfence.spring;

/**
 * Something that happened in the engine, for {@code @EventListener} methods.
 *
 * <p>Each is told at least once, in the order in which it happened: a listener that throws, and an
 * application that is killed, gets it again. Sequence and number together say which one it is.
 */
public sealed interface RingfenceEvent permits OutcomeEvent, NumberedEvent {
    /**
     * The place of the command in the engine's journal.
     *
     * @return the sequence, unsigned
     */
    long sequence();

    /**
     * When it happened.
     *
     * @return nanoseconds since 1970
     */
    long timestamp();

    /**
     * The number of the event; 0 for outcomes, of which each command has one.
     *
     * @return the number, unsigned
     */
    long number();
}
