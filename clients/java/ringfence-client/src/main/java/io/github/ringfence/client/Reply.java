package io.github.ringfence.client;

import java.util.List;

/** A message of the engine. */
sealed interface Reply {
    /** The first one. {@code mode} is 1 in a subscription. */
    record Greeting(EngineInfo info, int mode, boolean known, boolean events, long lastSequence,
            long lastRequest, long resumesAfter) implements Reply {
    }

    /** Outcomes of consecutive commands. */
    record Outcomes(List<Outcome> outcomes) implements Reply {
    }

    /** An event, or what a look-up found. */
    record Told(Event event) implements Reply {
    }

    /** Whose the batch is whose outcomes follow. */
    record Begun(Origin origin) implements Reply {
    }

    /** Everything up to {@code sequence} was looked at. */
    record Progress(long sequence, long lastSequence) implements Reply {
    }

    /** Bodies of consecutive commands. */
    record Commands(long firstSequence, long firstTimestamp, Op op, List<CommandTaken> commands)
            implements Reply {
    }

    /** The answer to a subscription. */
    record Subscribed(long afterSequence, long oldestSequence, long lastSequence)
            implements Reply {
    }

    /** The last one: why the engine ends the connection. */
    record Failed(int code, long value, String text) implements Reply {
    }

    /** The engine is there. */
    record Heartbeat() implements Reply {
    }
}
