package io.github.ringfence.client;

import java.util.Objects;

/**
 * Moves, reserves, posts or voids money; also what a look-up of a transfer finds.
 *
 * @param id its id
 * @param debitAccountId the account that pays
 * @param creditAccountId the account that receives
 * @param amount in minor units; in a post {@code MAX} means all, in a void 0
 * @param pendingId the transfer that a post or void is about; otherwise 0
 * @param userData128 what the client stores with it
 * @param userData64 what the client stores with it, unsigned
 * @param userData32 what the client stores with it, unsigned
 * @param timeout seconds until it expires; 0: never
 * @param ledger the ledger of both accounts, unsigned
 * @param code what kind of transfer it is, of 16 bits
 * @param flags see {@link TransferFlags}
 * @param timestamp 0 in a command unless imported; nanoseconds since 1970
 */
public record Transfer(
        UInt128 id,
        UInt128 debitAccountId,
        UInt128 creditAccountId,
        UInt128 amount,
        UInt128 pendingId,
        UInt128 userData128,
        long userData64,
        int userData32,
        int timeout,
        int ledger,
        int code,
        int flags,
        long timestamp)
        implements Command, Body {
    /** Checks the fields. */
    public Transfer {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(debitAccountId, "debitAccountId");
        Objects.requireNonNull(creditAccountId, "creditAccountId");
        Objects.requireNonNull(amount, "amount");
        Objects.requireNonNull(pendingId, "pendingId");
        Objects.requireNonNull(userData128, "userData128");
        Checks.unsigned16("code", code);
        Checks.unsigned16("flags", flags);
    }

    /**
     * A transfer that is executed at once.
     *
     * @param id its id, the key that makes a repeat harmless
     * @param debitAccountId the account that pays
     * @param creditAccountId the account that receives
     * @param amount in minor units
     * @param ledger the ledger of both accounts
     * @param code what kind of transfer it is
     * @return the transfer
     */
    public static Transfer of(
            UInt128 id, UInt128 debitAccountId, UInt128 creditAccountId, UInt128 amount,
            int ledger, int code) {
        return builder(id)
                .debitAccountId(debitAccountId)
                .creditAccountId(creditAccountId)
                .amount(amount)
                .ledger(ledger)
                .code(code)
                .build();
    }

    /**
     * A transfer that is executed at once.
     *
     * @param id its id, the key that makes a repeat harmless
     * @param debitAccountId the account that pays
     * @param creditAccountId the account that receives
     * @param amount in minor units
     * @param ledger the ledger of both accounts
     * @param code what kind of transfer it is
     * @return the transfer
     */
    public static Transfer of(
            long id, long debitAccountId, long creditAccountId, long amount, int ledger, int code) {
        return of(
                UInt128.of(id), UInt128.of(debitAccountId), UInt128.of(creditAccountId),
                UInt128.of(amount), ledger, code);
    }

    /**
     * Posts a pending transfer in full.
     *
     * @param id the id of the post
     * @param pendingId the pending transfer
     * @return the post
     */
    public static Transfer post(UInt128 id, UInt128 pendingId) {
        return builder(id)
                .pendingId(pendingId)
                .amount(UInt128.MAX)
                .flags(TransferFlags.POST_PENDING_TRANSFER)
                .build();
    }

    /**
     * Releases a pending transfer.
     *
     * @param id the id of the void
     * @param pendingId the pending transfer
     * @return the void
     */
    public static Transfer release(UInt128 id, UInt128 pendingId) {
        return builder(id)
                .pendingId(pendingId)
                .flags(TransferFlags.VOID_PENDING_TRANSFER)
                .build();
    }

    @Override
    public Op op() {
        return Op.CREATE_TRANSFER;
    }

    /**
     * Begins a builder; every field that is not set is 0.
     *
     * @param id its id
     * @return the builder
     */
    public static Builder builder(UInt128 id) {
        return new Builder(id);
    }

    /**
     * Begins a builder; every field that is not set is 0.
     *
     * @param id its id
     * @return the builder
     */
    public static Builder builder(long id) {
        return new Builder(UInt128.of(id));
    }

    /** Builds a transfer. */
    public static final class Builder {
        private final UInt128 id;
        private UInt128 debitAccountId = UInt128.ZERO;
        private UInt128 creditAccountId = UInt128.ZERO;
        private UInt128 amount = UInt128.ZERO;
        private UInt128 pendingId = UInt128.ZERO;
        private UInt128 userData128 = UInt128.ZERO;
        private long userData64;
        private int userData32;
        private int timeout;
        private int ledger;
        private int code;
        private int flags;
        private long timestamp;

        private Builder(UInt128 id) {
            this.id = id;
        }

        /**
         * Sets debitAccountId.
         *
         * @param debitAccountId the account that pays
         * @return this builder
         */
        public Builder debitAccountId(UInt128 debitAccountId) {
            this.debitAccountId = debitAccountId;
            return this;
        }

        /**
         * Sets debitAccountId.
         *
         * @param debitAccountId the account that pays
         * @return this builder
         */
        public Builder debitAccountId(long debitAccountId) {
            return debitAccountId(UInt128.of(debitAccountId));
        }

        /**
         * Sets creditAccountId.
         *
         * @param creditAccountId the account that receives
         * @return this builder
         */
        public Builder creditAccountId(UInt128 creditAccountId) {
            this.creditAccountId = creditAccountId;
            return this;
        }

        /**
         * Sets creditAccountId.
         *
         * @param creditAccountId the account that receives
         * @return this builder
         */
        public Builder creditAccountId(long creditAccountId) {
            return creditAccountId(UInt128.of(creditAccountId));
        }

        /**
         * Sets amount.
         *
         * @param amount in minor units; in a post {@code MAX} means all, in a void 0
         * @return this builder
         */
        public Builder amount(UInt128 amount) {
            this.amount = amount;
            return this;
        }

        /**
         * Sets amount.
         *
         * @param amount in minor units; in a post {@code MAX} means all, in a void 0
         * @return this builder
         */
        public Builder amount(long amount) {
            return amount(UInt128.of(amount));
        }

        /**
         * Sets pendingId.
         *
         * @param pendingId the transfer that a post or void is about; otherwise 0
         * @return this builder
         */
        public Builder pendingId(UInt128 pendingId) {
            this.pendingId = pendingId;
            return this;
        }

        /**
         * Sets pendingId.
         *
         * @param pendingId the transfer that a post or void is about; otherwise 0
         * @return this builder
         */
        public Builder pendingId(long pendingId) {
            return pendingId(UInt128.of(pendingId));
        }

        /**
         * Sets userData128.
         *
         * @param userData128 what the client stores with it
         * @return this builder
         */
        public Builder userData128(UInt128 userData128) {
            this.userData128 = userData128;
            return this;
        }

        /**
         * Sets userData128.
         *
         * @param userData128 what the client stores with it
         * @return this builder
         */
        public Builder userData128(long userData128) {
            return userData128(UInt128.of(userData128));
        }

        /**
         * Sets userData64.
         *
         * @param userData64 what the client stores with it, unsigned
         * @return this builder
         */
        public Builder userData64(long userData64) {
            this.userData64 = userData64;
            return this;
        }

        /**
         * Sets userData32.
         *
         * @param userData32 what the client stores with it, unsigned
         * @return this builder
         */
        public Builder userData32(int userData32) {
            this.userData32 = userData32;
            return this;
        }

        /**
         * Sets timeout.
         *
         * @param timeout seconds until it expires; 0: never
         * @return this builder
         */
        public Builder timeout(int timeout) {
            this.timeout = timeout;
            return this;
        }

        /**
         * Sets ledger.
         *
         * @param ledger the ledger of both accounts, unsigned
         * @return this builder
         */
        public Builder ledger(int ledger) {
            this.ledger = ledger;
            return this;
        }

        /**
         * Sets code.
         *
         * @param code what kind of transfer it is, of 16 bits
         * @return this builder
         */
        public Builder code(int code) {
            this.code = code;
            return this;
        }

        /**
         * Sets flags.
         *
         * @param flags see {@link TransferFlags}
         * @return this builder
         */
        public Builder flags(int flags) {
            this.flags = flags;
            return this;
        }

        /**
         * Sets timestamp.
         *
         * @param timestamp 0 in a command unless imported; nanoseconds since 1970
         * @return this builder
         */
        public Builder timestamp(long timestamp) {
            this.timestamp = timestamp;
            return this;
        }

        /**
         * Builds it.
         *
         * @return a transfer
         */
        public Transfer build() {
            return new Transfer(
                    id, debitAccountId, creditAccountId, amount, pendingId, userData128,
                    userData64, userData32, timeout, ledger, code, flags, timestamp);
        }
    }
}
