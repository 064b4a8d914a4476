package io.github.ringfence.client;

import java.util.List;
import java.util.Optional;

/**
 * The outcome of a command, and what a look-up found.
 *
 * @param outcome the outcome
 * @param bodies what a look-up found: of a market the market, its bids and its asks
 */
public record Answer(Outcome outcome, List<Body> bodies) {
    /** Copies the bodies. */
    public Answer {
        bodies = List.copyOf(bodies);
    }

    /**
     * The status of the outcome.
     *
     * @return the status
     */
    public Status status() {
        return outcome.status();
    }

    /**
     * What a look-up found, if it is of this type.
     *
     * @param <B> the type
     * @param type the type
     * @return the first of it, or empty
     */
    public <B extends Body> Optional<B> body(Class<B> type) {
        return bodies.stream().filter(type::isInstance).map(type::cast).findFirst();
    }
}
