package io.github.ringfence.client;

/** Why the engine cancelled an order. */
public enum CancelReason implements Numbered {
    /** Its time has passed. */
    EXPIRED(1),
    /** It would have traded with an order of the same owner. */
    SELF_TRADE(2),
    /** One of its accounts was closed. */
    ACCOUNT_CLOSED(3),
    /** A balance would have overflowed. */
    OVERFLOW(4);

    private static final Numbers<CancelReason> NUMBERS =
            new Numbers<>("reason of cancelling", values());

    private final int number;

    CancelReason(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static CancelReason of(int number) {
        return NUMBERS.of(number);
    }
}
