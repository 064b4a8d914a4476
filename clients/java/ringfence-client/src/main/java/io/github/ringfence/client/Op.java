package io.github.ringfence.client;

/** What a command asks for. */
public enum Op implements Numbered {
    /** Creates an account. */
    CREATE_ACCOUNT(1),
    /** Moves, reserves, posts or voids money. */
    CREATE_TRANSFER(2),
    /** Looks up an account. */
    LOOKUP_ACCOUNT(3),
    /** Looks up a transfer. */
    LOOKUP_TRANSFER(4),
    /** Sets the policy of an account. */
    SET_ACCOUNT_POLICY(5),
    /** Sets the policy of a ledger. */
    SET_LEDGER_POLICY(6),
    /** Blocks payments from one account to another, or no longer. */
    SET_PAIR_POLICY(7),
    /** Creates a market. */
    CREATE_MARKET(8),
    /** Places an order. */
    PLACE_ORDER(9),
    /** Changes an order. */
    AMEND_ORDER(10),
    /** Cancels an order. */
    CANCEL_ORDER(11),
    /** Looks up an order. */
    LOOKUP_ORDER(12),
    /** Looks up a market. */
    LOOKUP_MARKET(13),
    /** Settles what the queued payments of a ledger can settle together. */
    RESOLVE_QUEUES(14),
    /** Takes a payment out of its queue. */
    CANCEL_QUEUED_TRANSFER(15),
    /** Makes a queued payment urgent or not. */
    REQUEUE_TRANSFER(16),
    /** Looks up the queue of an account. */
    LOOKUP_QUEUE(17),
    /** Lets time pass; only the engine itself sends it. */
    PULSE(18);

    private static final Numbers<Op> NUMBERS = new Numbers<>("operation", values());

    private final int number;

    Op(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    static Op of(int number) {
        return NUMBERS.of(number);
    }
}
