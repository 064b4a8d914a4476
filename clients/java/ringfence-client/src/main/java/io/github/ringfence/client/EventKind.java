package io.github.ringfence.client;

/** What an event tells. */
public enum EventKind implements Numbered {
    /** An account that was looked up. */
    ACCOUNT(1),
    /** A transfer that was looked up. */
    TRANSFER(2),
    /** An order that was looked up. */
    ORDER(3),
    /** A market that was looked up. */
    MARKET(4),
    /** The best bids of a market that was looked up. */
    BIDS(5),
    /** The best asks of a market that was looked up. */
    ASKS(6),
    /** The queue of an account that was looked up. */
    QUEUE(7),
    /** A pending or queued transfer expired. */
    TRANSFER_EXPIRED(16),
    /** A queued payment settled. */
    TRANSFER_SETTLED(17),
    /** A queued payment left its queue because it could no longer settle. */
    TRANSFER_DROPPED(18),
    /** Two orders met. */
    TRADE(19),
    /** A resting order was cancelled, and not by its owner. */
    ORDER_CANCELLED(20);

    private static final Numbers<EventKind> NUMBERS = new Numbers<>("kind of event", values());

    private final int number;

    EventKind(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    /**
     * True for effects of commands, which are numbered; false for what look-ups find.
     *
     * @return whether events of this kind are numbered
     */
    public boolean isNumbered() {
        return number >= TRANSFER_EXPIRED.number;
    }

    static EventKind of(int number) {
        return NUMBERS.of(number);
    }
}
