package io.github.ringfence.client;

/** Why a queued payment settled. */
public enum SettledBy implements Numbered {
    /** Funds came in. */
    RELEASE(1),
    /** It was offset against a payment in the other direction. */
    OFFSET(2),
    /** A resolution of the queues settled it. */
    RESOLUTION(3);

    private static final Numbers<SettledBy> NUMBERS = new Numbers<>("reason of settling", values());

    private final int number;

    SettledBy(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static SettledBy of(int number) {
        return NUMBERS.of(number);
    }
}
