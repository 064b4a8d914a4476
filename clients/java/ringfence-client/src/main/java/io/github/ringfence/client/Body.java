package io.github.ringfence.client;

/** What a look-up found, or what an event tells. */
public sealed interface Body
        permits Account, Transfer, FoundTransfer, FoundOrder, FoundMarket, Levels, FoundQueue,
                TransferExpired, QueuedTransferSettled, TransferDropped, Trade, OrderCancelled {
}
