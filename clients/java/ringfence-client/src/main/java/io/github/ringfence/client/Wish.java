package io.github.ringfence.client;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What a subscription asks for. Filters are joined by "and", the values of one by "or"; an empty
 * one lets everything pass.
 *
 * @param outcomes true: outcomes
 * @param events true: numbered events
 * @param commands true: commands as they were taken in
 * @param onlySuccesses true: leave out what was refused
 * @param ledgers only what concerns one of these
 * @param accounts only what concerns one of these
 * @param operations only these
 */
public record Wish(
        boolean outcomes,
        boolean events,
        boolean commands,
        boolean onlySuccesses,
        List<Integer> ledgers,
        List<UInt128> accounts,
        Set<Op> operations) {
    /** Checks and copies the filters. */
    public Wish {
        ledgers = List.copyOf(ledgers);
        accounts = List.copyOf(accounts);
        operations = Set.copyOf(operations);
        if (ledgers.size() + accounts.size() > Messages.FILTER_ENTRIES_MAX) {
            throw new IllegalArgumentException("a filter has at most "
                    + Messages.FILTER_ENTRIES_MAX + " ledgers and accounts");
        }
    }

    /**
     * Outcomes and numbered events of everything.
     *
     * @return the wish
     */
    public static Wish outcomesAndEvents() {
        return builder().build();
    }

    /**
     * Begins a builder, with outcomes and numbered events of everything.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    int wants() {
        return (outcomes ? 1 : 0) | (events ? 2 : 0) | (commands ? 4 : 0);
    }

    /** Builds a wish. */
    public static final class Builder {
        private boolean outcomes = true;
        private boolean events = true;
        private boolean commands;
        private boolean onlySuccesses;
        private final List<Integer> ledgers = new ArrayList<>();
        private final List<UInt128> accounts = new ArrayList<>();
        private final Set<Op> operations = EnumSet.noneOf(Op.class);

        private Builder() {
        }

        /**
         * Asks for outcomes, or not.
         *
         * @param wanted true by default
         * @return this builder
         */
        public Builder outcomes(boolean wanted) {
            outcomes = wanted;
            return this;
        }

        /**
         * Asks for numbered events, or not.
         *
         * @param wanted true by default
         * @return this builder
         */
        public Builder events(boolean wanted) {
            events = wanted;
            return this;
        }

        /**
         * Asks for commands as they were taken in, or not.
         *
         * @param wanted false by default
         * @return this builder
         */
        public Builder commands(boolean wanted) {
            commands = wanted;
            return this;
        }

        /**
         * Leaves out what was refused, or not.
         *
         * @param only false by default
         * @return this builder
         */
        public Builder onlySuccesses(boolean only) {
            onlySuccesses = only;
            return this;
        }

        /**
         * Lets pass what concerns this ledger, besides those named before.
         *
         * @param ledger the ledger, unsigned
         * @return this builder
         */
        public Builder ledger(int ledger) {
            ledgers.add(ledger);
            return this;
        }

        /**
         * Lets pass what concerns this account, besides those named before.
         *
         * @param account the account
         * @return this builder
         */
        public Builder account(UInt128 account) {
            accounts.add(account);
            return this;
        }

        /**
         * Lets pass this operation, besides those named before.
         *
         * @param op the operation
         * @return this builder
         */
        public Builder operation(Op op) {
            operations.add(op);
            return this;
        }

        /**
         * Builds it.
         *
         * @return the wish
         */
        public Wish build() {
            return new Wish(
                    outcomes, events, commands, onlySuccesses, ledgers, accounts, operations);
        }
    }
}
