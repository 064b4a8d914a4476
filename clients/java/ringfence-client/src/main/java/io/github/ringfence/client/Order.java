package io.github.ringfence.client;

import java.util.Objects;

/**
 * Places an order; also what a look-up of one finds.
 *
 * @param id its id
 * @param market the market, unsigned
 * @param side buy or sell
 * @param baseAccountId the account of the owner for what is traded
 * @param quoteAccountId the account of the owner for what is paid
 * @param quantity in lots
 * @param price in steps of the market's tick
 * @param budget the most that a {@code FOK_BUDGET} order may cost; otherwise 0
 * @param timeInForce how long it stays in the book
 * @param postOnly true: refused if it would trade at once
 * @param timeout seconds until it expires; 0: never
 * @param userData128 what the client stores with it
 */
public record Order(
        UInt128 id,
        int market,
        Side side,
        UInt128 baseAccountId,
        UInt128 quoteAccountId,
        long quantity,
        long price,
        UInt128 budget,
        TimeInForce timeInForce,
        boolean postOnly,
        int timeout,
        UInt128 userData128)
        implements Command {
    /** Checks the fields. */
    public Order {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(side, "side");
        Objects.requireNonNull(baseAccountId, "baseAccountId");
        Objects.requireNonNull(quoteAccountId, "quoteAccountId");
        Objects.requireNonNull(budget, "budget");
        Objects.requireNonNull(timeInForce, "timeInForce");
        Objects.requireNonNull(userData128, "userData128");
    }

    @Override
    public Op op() {
        return Op.PLACE_ORDER;
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

    /** Builds an order. */
    public static final class Builder {
        private final UInt128 id;
        private int market;
        private Side side;
        private UInt128 baseAccountId = UInt128.ZERO;
        private UInt128 quoteAccountId = UInt128.ZERO;
        private long quantity;
        private long price;
        private UInt128 budget = UInt128.ZERO;
        private TimeInForce timeInForce = TimeInForce.GTC;
        private boolean postOnly;
        private int timeout;
        private UInt128 userData128 = UInt128.ZERO;

        private Builder(UInt128 id) {
            this.id = id;
        }

        /**
         * Sets market.
         *
         * @param market the market, unsigned
         * @return this builder
         */
        public Builder market(int market) {
            this.market = market;
            return this;
        }

        /**
         * Sets side.
         *
         * @param side buy or sell
         * @return this builder
         */
        public Builder side(Side side) {
            this.side = side;
            return this;
        }

        /**
         * Sets baseAccountId.
         *
         * @param baseAccountId the account of the owner for what is traded
         * @return this builder
         */
        public Builder baseAccountId(UInt128 baseAccountId) {
            this.baseAccountId = baseAccountId;
            return this;
        }

        /**
         * Sets baseAccountId.
         *
         * @param baseAccountId the account of the owner for what is traded
         * @return this builder
         */
        public Builder baseAccountId(long baseAccountId) {
            return baseAccountId(UInt128.of(baseAccountId));
        }

        /**
         * Sets quoteAccountId.
         *
         * @param quoteAccountId the account of the owner for what is paid
         * @return this builder
         */
        public Builder quoteAccountId(UInt128 quoteAccountId) {
            this.quoteAccountId = quoteAccountId;
            return this;
        }

        /**
         * Sets quoteAccountId.
         *
         * @param quoteAccountId the account of the owner for what is paid
         * @return this builder
         */
        public Builder quoteAccountId(long quoteAccountId) {
            return quoteAccountId(UInt128.of(quoteAccountId));
        }

        /**
         * Sets quantity.
         *
         * @param quantity in lots
         * @return this builder
         */
        public Builder quantity(long quantity) {
            this.quantity = quantity;
            return this;
        }

        /**
         * Sets price.
         *
         * @param price in steps of the market's tick
         * @return this builder
         */
        public Builder price(long price) {
            this.price = price;
            return this;
        }

        /**
         * Sets budget.
         *
         * @param budget the most that a {@code FOK_BUDGET} order may cost; otherwise 0
         * @return this builder
         */
        public Builder budget(UInt128 budget) {
            this.budget = budget;
            return this;
        }

        /**
         * Sets budget.
         *
         * @param budget the most that a {@code FOK_BUDGET} order may cost; otherwise 0
         * @return this builder
         */
        public Builder budget(long budget) {
            return budget(UInt128.of(budget));
        }

        /**
         * Sets timeInForce.
         *
         * @param timeInForce how long it stays in the book
         * @return this builder
         */
        public Builder timeInForce(TimeInForce timeInForce) {
            this.timeInForce = timeInForce;
            return this;
        }

        /**
         * Sets postOnly.
         *
         * @param postOnly true: refused if it would trade at once
         * @return this builder
         */
        public Builder postOnly(boolean postOnly) {
            this.postOnly = postOnly;
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
         * Builds it.
         *
         * @return an order
         */
        public Order build() {
            return new Order(
                    id, market, side, baseAccountId, quoteAccountId, quantity, price,
                    budget, timeInForce, postOnly, timeout, userData128);
        }
    }
}
