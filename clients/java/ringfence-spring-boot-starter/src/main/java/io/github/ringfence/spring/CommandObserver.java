package io.github.ringfence.spring;

import io.github.ringfence.client.Op;

/** Is told how long each command of the {@link RingfenceTemplate} took. */
@FunctionalInterface
public interface CommandObserver {
    /**
     * A command was answered, or failed.
     *
     * @param op what was asked for
     * @param result the name of its status, or of the error
     * @param nanos how long it took, in nanoseconds
     */
    void done(Op op, String result, long nanos);
}
