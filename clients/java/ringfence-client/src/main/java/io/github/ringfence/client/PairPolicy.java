package io.github.ringfence.client;

import java.util.Objects;

/**
 * Blocks payments from one account to another, or no longer.
 *
 * @param debitAccountId the account that pays
 * @param creditAccountId the account that receives
 * @param blocked true: payments are refused
 */
public record PairPolicy(
        UInt128 debitAccountId,
        UInt128 creditAccountId,
        boolean blocked)
        implements Command {
    /** Checks the fields. */
    public PairPolicy {
        Objects.requireNonNull(debitAccountId, "debitAccountId");
        Objects.requireNonNull(creditAccountId, "creditAccountId");
    }

    @Override
    public Op op() {
        return Op.SET_PAIR_POLICY;
    }
}
