package io.github.ringfence.client;

/**
 * What an engine says of itself.
 *
 * @param journal the identity of its journal; 0: it keeps none
 * @param epoch how many repairs gave up commands that had been acknowledged
 * @param batchCommandsMax most commands in one batch
 * @param inFlightCommandsMax most unanswered commands of a connection
 * @param idleTimeoutMs how long a client may be silent, in milliseconds
 */
public record EngineInfo(
        UInt128 journal, int epoch, int batchCommandsMax, int inFlightCommandsMax,
        int idleTimeoutMs) {
    boolean hasSameHistoryAs(EngineInfo other) {
        return journal.equals(other.journal) && epoch == other.epoch;
    }
}
