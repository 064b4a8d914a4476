package io.github.ringfence.client;

import java.util.Objects;

/**
 * Creates an account; also what a look-up of one finds.
 *
 * @param id its id
 * @param debitsPending 0 in a command
 * @param debitsPosted 0 in a command
 * @param creditsPending 0 in a command
 * @param creditsPosted 0 in a command
 * @param userData128 what the client stores with it
 * @param userData64 what the client stores with it, unsigned
 * @param userData32 what the client stores with it, unsigned
 * @param ledger its ledger, unsigned
 * @param code what kind of account it is, of 16 bits
 * @param flags see {@link AccountFlags}
 * @param timestamp 0 in a command unless imported; nanoseconds since 1970
 */
public record Account(
        UInt128 id,
        UInt128 debitsPending,
        UInt128 debitsPosted,
        UInt128 creditsPending,
        UInt128 creditsPosted,
        UInt128 userData128,
        long userData64,
        int userData32,
        int ledger,
        int code,
        int flags,
        long timestamp)
        implements Command, Body {
    /** Checks the fields. */
    public Account {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(debitsPending, "debitsPending");
        Objects.requireNonNull(debitsPosted, "debitsPosted");
        Objects.requireNonNull(creditsPending, "creditsPending");
        Objects.requireNonNull(creditsPosted, "creditsPosted");
        Objects.requireNonNull(userData128, "userData128");
        Checks.unsigned16("code", code);
        Checks.unsigned16("flags", flags);
    }

    /**
     * An account without limits.
     *
     * @param id its id
     * @param ledger its ledger
     * @param code what kind of account it is
     * @return the account
     */
    public static Account of(long id, int ledger, int code) {
        return builder(id).ledger(ledger).code(code).build();
    }

    @Override
    public Op op() {
        return Op.CREATE_ACCOUNT;
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

    /** Builds an account. */
    public static final class Builder {
        private final UInt128 id;
        private UInt128 userData128 = UInt128.ZERO;
        private long userData64;
        private int userData32;
        private int ledger;
        private int code;
        private int flags;
        private long timestamp;

        private Builder(UInt128 id) {
            this.id = id;
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
         * Sets ledger.
         *
         * @param ledger its ledger, unsigned
         * @return this builder
         */
        public Builder ledger(int ledger) {
            this.ledger = ledger;
            return this;
        }

        /**
         * Sets code.
         *
         * @param code what kind of account it is, of 16 bits
         * @return this builder
         */
        public Builder code(int code) {
            this.code = code;
            return this;
        }

        /**
         * Sets flags.
         *
         * @param flags see {@link AccountFlags}
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
         * @return an account
         */
        public Account build() {
            return new Account(
                    id, UInt128.ZERO, UInt128.ZERO, UInt128.ZERO, UInt128.ZERO,
                    userData128, userData64, userData32, ledger, code, flags, timestamp);
        }
    }
}
