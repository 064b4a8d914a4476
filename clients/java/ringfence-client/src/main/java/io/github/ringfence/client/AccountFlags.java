package io.github.ringfence.client;

/**
 * Flags of an account.
 *
 * <p>Join them with {@code |}.
 */
public final class AccountFlags {
    /** Succeeds or fails together with the next account of the batch. */
    public static final int LINKED = 1 << 0;
    /** Pending and posted debits may not exceed the posted credits. */
    public static final int DEBITS_MUST_NOT_EXCEED_CREDITS = 1 << 1;
    /** Pending and posted credits may not exceed the posted debits. */
    public static final int CREDITS_MUST_NOT_EXCEED_DEBITS = 1 << 2;
    /** Stored and shown; no other effect. */
    public static final int HISTORY = 1 << 3;
    /** Brings its own timestamp. */
    public static final int IMPORTED = 1 << 4;
    /** Takes part in nothing except voids. */
    public static final int CLOSED = 1 << 5;

    private AccountFlags() {
    }
}
