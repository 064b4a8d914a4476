package io.github.ringfence.client;

/** The side of an order. */
public enum Side implements Numbered {
    /** Buys the base currency. */
    BUY(1),
    /** Sells the base currency. */
    SELL(2);

    private static final Numbers<Side> NUMBERS = new Numbers<>("side", values());

    private final int number;

    Side(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static Side of(int number) {
        return NUMBERS.of(number);
    }
}
