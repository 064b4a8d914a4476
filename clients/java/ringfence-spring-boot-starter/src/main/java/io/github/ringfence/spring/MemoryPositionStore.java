package io.github.ringfence.spring;

import io.github.ringfence.client.Position;
import java.util.Optional;

/** Keeps the position as long as the application runs. */
public final class MemoryPositionStore implements PositionStore {
    private volatile Position position;

    /** Begins without a position. */
    public MemoryPositionStore() {
    }

    @Override
    public Optional<Position> load() {
        return Optional.ofNullable(position);
    }

    @Override
    public void store(Position position) {
        this.position = position;
    }
}
