package io.github.ringfence.client;

/** How long an order stays in its book. */
public enum TimeInForce implements Numbered {
    /** Until it is filled, cancelled or expires. */
    GTC(0),
    /** Not at all: what does not trade at once is cancelled. */
    IOC(1),
    /** Not at all: it trades in full at once, or it is refused. */
    FOK(2),
    /** As {@link #FOK}, at any price, for at most its budget. */
    FOK_BUDGET(3);

    private static final Numbers<TimeInForce> NUMBERS = new Numbers<>("time in force", values());

    private final int number;

    TimeInForce(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static TimeInForce of(int number) {
        return NUMBERS.of(number);
    }
}
