package io.github.ringfence.client;

/** What became of a pending transfer. */
public enum PendingStatus implements Numbered {
    /** It waits to be posted or voided. */
    PENDING(1),
    /** It was posted. */
    POSTED(2),
    /** It was voided. */
    VOIDED(3),
    /** It has expired. */
    EXPIRED(4);

    private static final Numbers<PendingStatus> NUMBERS = new Numbers<>("pending status", values());

    private final int number;

    PendingStatus(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static PendingStatus of(int number) {
        return NUMBERS.of(number);
    }
}
