package io.github.ringfence.client;

/** What became of a payment that was sent with the flag {@code queue}. */
public enum QueueStatus implements Numbered {
    /** It has settled. */
    SETTLED(1),
    /** It waits for funds. */
    QUEUED(2),
    /** It was taken out of the queue. */
    CANCELLED(3),
    /** It has expired. */
    EXPIRED(4),
    /** It could no longer settle. */
    DROPPED(5);

    private static final Numbers<QueueStatus> NUMBERS = new Numbers<>("queue status", values());

    private final int number;

    QueueStatus(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static QueueStatus of(int number) {
        return NUMBERS.of(number);
    }
}
