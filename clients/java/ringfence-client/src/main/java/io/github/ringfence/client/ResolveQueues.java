package io.github.ringfence.client;

/**
 * Settles what queued payments of a ledger can settle together.
 *
 * @param ledger the ledger, unsigned
 */
public record ResolveQueues(int ledger) implements Command {
    @Override
    public Op op() {
        return Op.RESOLVE_QUEUES;
    }
}
