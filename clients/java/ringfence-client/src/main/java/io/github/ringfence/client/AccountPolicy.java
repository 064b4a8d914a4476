package io.github.ringfence.client;

import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Sets the policy of an account. A limit that is empty does not exist.
 *
 * @param accountId the account
 * @param debitAmountMax the largest payment that it may make
 * @param creditAmountMax the largest payment that it may receive
 * @param debitSpendAmount the most that it may pay in a window
 * @param debitSpendCount the most payments in a window
 * @param debitRateCount the most attempts in a window
 * @param debitSpendWindowSeconds the length of the window of the two spend limits
 * @param debitRateWindowSeconds the length of the window of the attempts
 * @param frozen which side is frozen
 */
public record AccountPolicy(
        UInt128 accountId,
        Optional<UInt128> debitAmountMax,
        Optional<UInt128> creditAmountMax,
        Optional<UInt128> debitSpendAmount,
        OptionalLong debitSpendCount,
        OptionalLong debitRateCount,
        int debitSpendWindowSeconds,
        int debitRateWindowSeconds,
        Frozen frozen)
        implements Command {
    /** Checks the fields. */
    public AccountPolicy {
        Objects.requireNonNull(accountId, "accountId");
        Objects.requireNonNull(frozen, "frozen");
    }

    @Override
    public Op op() {
        return Op.SET_ACCOUNT_POLICY;
    }

    /**
     * Begins a builder; every field that is not set is 0.
     *
     * @param accountId the account
     * @return the builder
     */
    public static Builder builder(UInt128 accountId) {
        return new Builder(accountId);
    }

    /**
     * Begins a builder; every field that is not set is 0.
     *
     * @param accountId the account
     * @return the builder
     */
    public static Builder builder(long accountId) {
        return new Builder(UInt128.of(accountId));
    }

    /** Builds an account policy. */
    public static final class Builder {
        private final UInt128 accountId;
        private Optional<UInt128> debitAmountMax = Optional.empty();
        private Optional<UInt128> creditAmountMax = Optional.empty();
        private Optional<UInt128> debitSpendAmount = Optional.empty();
        private OptionalLong debitSpendCount = OptionalLong.empty();
        private OptionalLong debitRateCount = OptionalLong.empty();
        private int debitSpendWindowSeconds;
        private int debitRateWindowSeconds;
        private Frozen frozen = Frozen.NONE;

        private Builder(UInt128 accountId) {
            this.accountId = accountId;
        }

        /**
         * Sets debitAmountMax.
         *
         * @param debitAmountMax the largest payment that it may make
         * @return this builder
         */
        public Builder debitAmountMax(UInt128 debitAmountMax) {
            this.debitAmountMax = Optional.of(debitAmountMax);
            return this;
        }

        /**
         * Sets debitAmountMax.
         *
         * @param debitAmountMax the largest payment that it may make
         * @return this builder
         */
        public Builder debitAmountMax(long debitAmountMax) {
            return debitAmountMax(UInt128.of(debitAmountMax));
        }

        /**
         * Sets creditAmountMax.
         *
         * @param creditAmountMax the largest payment that it may receive
         * @return this builder
         */
        public Builder creditAmountMax(UInt128 creditAmountMax) {
            this.creditAmountMax = Optional.of(creditAmountMax);
            return this;
        }

        /**
         * Sets creditAmountMax.
         *
         * @param creditAmountMax the largest payment that it may receive
         * @return this builder
         */
        public Builder creditAmountMax(long creditAmountMax) {
            return creditAmountMax(UInt128.of(creditAmountMax));
        }

        /**
         * Sets debitSpendAmount.
         *
         * @param debitSpendAmount the most that it may pay in a window
         * @return this builder
         */
        public Builder debitSpendAmount(UInt128 debitSpendAmount) {
            this.debitSpendAmount = Optional.of(debitSpendAmount);
            return this;
        }

        /**
         * Sets debitSpendAmount.
         *
         * @param debitSpendAmount the most that it may pay in a window
         * @return this builder
         */
        public Builder debitSpendAmount(long debitSpendAmount) {
            return debitSpendAmount(UInt128.of(debitSpendAmount));
        }

        /**
         * Sets debitSpendCount.
         *
         * @param debitSpendCount the most payments in a window
         * @return this builder
         */
        public Builder debitSpendCount(long debitSpendCount) {
            this.debitSpendCount = OptionalLong.of(debitSpendCount);
            return this;
        }

        /**
         * Sets debitRateCount.
         *
         * @param debitRateCount the most attempts in a window
         * @return this builder
         */
        public Builder debitRateCount(long debitRateCount) {
            this.debitRateCount = OptionalLong.of(debitRateCount);
            return this;
        }

        /**
         * Sets debitSpendWindowSeconds.
         *
         * @param debitSpendWindowSeconds the length of the window of the two spend limits
         * @return this builder
         */
        public Builder debitSpendWindowSeconds(int debitSpendWindowSeconds) {
            this.debitSpendWindowSeconds = debitSpendWindowSeconds;
            return this;
        }

        /**
         * Sets debitRateWindowSeconds.
         *
         * @param debitRateWindowSeconds the length of the window of the attempts
         * @return this builder
         */
        public Builder debitRateWindowSeconds(int debitRateWindowSeconds) {
            this.debitRateWindowSeconds = debitRateWindowSeconds;
            return this;
        }

        /**
         * Sets frozen.
         *
         * @param frozen which side is frozen
         * @return this builder
         */
        public Builder frozen(Frozen frozen) {
            this.frozen = frozen;
            return this;
        }

        /**
         * Builds it.
         *
         * @return an account policy
         */
        public AccountPolicy build() {
            return new AccountPolicy(
                    accountId, debitAmountMax, creditAmountMax, debitSpendAmount,
                    debitSpendCount, debitRateCount, debitSpendWindowSeconds,
                    debitRateWindowSeconds, frozen);
        }
    }
}
