package io.github.ringfence.client;

/**
 * Flags of a transfer.
 *
 * <p>Join them with {@code |}.
 */
public final class TransferFlags {
    /** Succeeds or fails together with the next transfer of the batch. */
    public static final int LINKED = 1 << 0;
    /** Reserves the amount until it is posted, is voided or expires. */
    public static final int PENDING = 1 << 1;
    /** Posts all or a part of the transfer {@code pendingId}. */
    public static final int POST_PENDING_TRANSFER = 1 << 2;
    /** Releases the transfer {@code pendingId}. */
    public static final int VOID_PENDING_TRANSFER = 1 << 3;
    /** Moves at most what the debit account can pay. */
    public static final int BALANCING_DEBIT = 1 << 4;
    /** Moves at most what the credit account can take. */
    public static final int BALANCING_CREDIT = 1 << 5;
    /** Closes the debit account; only together with {@link #PENDING}. */
    public static final int CLOSING_DEBIT = 1 << 6;
    /** Closes the credit account; only together with {@link #PENDING}. */
    public static final int CLOSING_CREDIT = 1 << 7;
    /** Brings its own timestamp. */
    public static final int IMPORTED = 1 << 8;
    /** Waits for funds instead of being refused. */
    public static final int QUEUE = 1 << 9;
    /** Waits ahead of payments that are not urgent; only together with {@link #QUEUE}. */
    public static final int URGENT = 1 << 10;

    private TransferFlags() {
    }
}
