package io.github.ringfence.client;

import java.util.Objects;

/**
 * Whose a batch is.
 *
 * @param firstSequence of its first command, unsigned
 * @param firstTimestamp of its first command, in nanoseconds since 1970
 * @param session the identity of the session; 0: without a name
 * @param tag what the client gave it
 * @param number of the request, unsigned
 * @param commands how many it has
 * @param op what they ask for
 */
public record Origin(
        long firstSequence,
        long firstTimestamp,
        UInt128 session,
        UInt128 tag,
        long number,
        int commands,
        Op op) {
    /** Checks the fields. */
    public Origin {
        Objects.requireNonNull(session, "session");
        Objects.requireNonNull(tag, "tag");
        Objects.requireNonNull(op, "op");
    }
}
