package io.github.ringfence.client;

/** Which side of an account is frozen. */
public enum Frozen implements Numbered {
    /** None. */
    NONE(0),
    /** It cannot pay. */
    DEBITS(1),
    /** It cannot receive. */
    CREDITS(2),
    /** It can neither pay nor receive. */
    ALL(3);

    private static final Numbers<Frozen> NUMBERS = new Numbers<>("frozen side", values());

    private final int number;

    Frozen(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static Frozen of(int number) {
        return NUMBERS.of(number);
    }
}
