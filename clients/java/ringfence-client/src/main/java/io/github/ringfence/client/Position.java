package io.github.ringfence.client;

/**
 * A place in the history of an engine, to resume a subscription after it.
 *
 * @param journal the identity of the journal
 * @param epoch how many repairs gave up commands that had been acknowledged
 * @param sequence everything up to this sequence has been dealt with, unsigned
 */
public record Position(UInt128 journal, int epoch, long sequence) {
    /**
     * Reads what {@link #toString} has written.
     *
     * @param text three numbers with colons between them
     * @return the position
     * @throws IllegalArgumentException if this is no position
     */
    public static Position parse(String text) {
        String[] parts = text.strip().split(":");
        if (parts.length != 3) {
            throw new IllegalArgumentException(
                    "a position is JOURNAL:EPOCH:SEQUENCE, not " + text);
        }
        return new Position(
                UInt128.parse(parts[0]),
                Integer.parseUnsignedInt(parts[1]),
                Long.parseUnsignedLong(parts[2]));
    }

    /** Journal, epoch and sequence, with colons between them. */
    @Override
    public String toString() {
        return journal + ":" + Integer.toUnsignedString(epoch) + ":"
                + Long.toUnsignedString(sequence);
    }
}
