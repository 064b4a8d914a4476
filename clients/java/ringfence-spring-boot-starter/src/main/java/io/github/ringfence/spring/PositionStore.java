package io.github.ringfence.spring;

import io.github.ringfence.client.Position;
import java.util.Optional;

/**
 * Remembers up to where the application has dealt with events. An application that stores their
 * effects in a database makes a bean of its own, which stores the position there too.
 */
public interface PositionStore {
    /**
     * The position that was stored last.
     *
     * @return the position; empty before the first one
     */
    Optional<Position> load();

    /**
     * Stores a position, after all listeners have dealt with what is before it.
     *
     * @param position the position
     */
    void store(Position position);
}
