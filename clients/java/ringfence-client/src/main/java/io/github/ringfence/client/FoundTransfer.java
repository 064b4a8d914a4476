package io.github.ringfence.client;

import java.util.Optional;

/**
 * A transfer, and what became of it.
 *
 * @param transfer the transfer, with the amount that was moved
 * @param pendingStatus empty: it was never pending
 * @param queueStatus empty: it was sent without the flag {@code queue}
 */
public record FoundTransfer(
        Transfer transfer,
        Optional<PendingStatus> pendingStatus,
        Optional<QueueStatus> queueStatus)
        implements Body {
}
