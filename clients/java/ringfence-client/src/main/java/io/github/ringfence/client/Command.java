package io.github.ringfence.client;

/** Something that can be sent to the engine. */
public sealed interface Command
        permits Account, Transfer, LookupAccount, LookupTransfer, LookupOrder, LookupMarket,
                LookupQueue, CancelOrder, CancelQueuedTransfer, RequeueTransfer, ResolveQueues,
                AccountPolicy, LedgerPolicy, PairPolicy, Market, Order, AmendOrder {
    /**
     * What this command asks for. The commands of one batch ask for the same.
     *
     * @return the operation
     */
    Op op();
}
