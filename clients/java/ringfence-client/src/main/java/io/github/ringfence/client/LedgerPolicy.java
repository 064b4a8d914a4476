package io.github.ringfence.client;

import java.util.Optional;

/**
 * Sets the policy of a ledger.
 *
 * @param ledger the ledger, unsigned
 * @param amountMax the largest transfer; empty: no limit
 * @param openSecond the second of the day, in UTC, at which it opens
 * @param closeSecond the second of the day, in UTC, at which it closes
 * @param halted true: nothing is transferred
 */
public record LedgerPolicy(
        int ledger,
        Optional<UInt128> amountMax,
        int openSecond,
        int closeSecond,
        boolean halted)
        implements Command {
    @Override
    public Op op() {
        return Op.SET_LEDGER_POLICY;
    }

    /**
     * Begins a builder; every field that is not set is 0.
     *
     * @param ledger the ledger, unsigned
     * @return the builder
     */
    public static Builder builder(int ledger) {
        return new Builder(ledger);
    }

    /** Builds a ledger policy. */
    public static final class Builder {
        private final int ledger;
        private Optional<UInt128> amountMax = Optional.empty();
        private int openSecond;
        private int closeSecond;
        private boolean halted;

        private Builder(int ledger) {
            this.ledger = ledger;
        }

        /**
         * Sets amountMax.
         *
         * @param amountMax the largest transfer; empty: no limit
         * @return this builder
         */
        public Builder amountMax(UInt128 amountMax) {
            this.amountMax = Optional.of(amountMax);
            return this;
        }

        /**
         * Sets amountMax.
         *
         * @param amountMax the largest transfer; empty: no limit
         * @return this builder
         */
        public Builder amountMax(long amountMax) {
            return amountMax(UInt128.of(amountMax));
        }

        /**
         * Sets openSecond.
         *
         * @param openSecond the second of the day, in UTC, at which it opens
         * @return this builder
         */
        public Builder openSecond(int openSecond) {
            this.openSecond = openSecond;
            return this;
        }

        /**
         * Sets closeSecond.
         *
         * @param closeSecond the second of the day, in UTC, at which it closes
         * @return this builder
         */
        public Builder closeSecond(int closeSecond) {
            this.closeSecond = closeSecond;
            return this;
        }

        /**
         * Sets halted.
         *
         * @param halted true: nothing is transferred
         * @return this builder
         */
        public Builder halted(boolean halted) {
            this.halted = halted;
            return this;
        }

        /**
         * Builds it.
         *
         * @return a ledger policy
         */
        public LedgerPolicy build() {
            return new LedgerPolicy(
                    ledger, amountMax, openSecond, closeSecond, halted);
        }
    }
}
