package io.github.ringfence.client;

/** What became of an order. */
public enum OrderStatus implements Numbered {
    /** It rests in the book. */
    OPEN(1),
    /** It has traded in full. */
    FILLED(2),
    /** It was cancelled or has expired. */
    CANCELLED(3);

    private static final Numbers<OrderStatus> NUMBERS = new Numbers<>("order status", values());

    private final int number;

    OrderStatus(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static OrderStatus of(int number) {
        return NUMBERS.of(number);
    }
}
