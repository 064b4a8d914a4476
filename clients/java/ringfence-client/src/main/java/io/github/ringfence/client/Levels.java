package io.github.ringfence.client;

import java.util.List;

/**
 * The best prices of one side of a market, the best first.
 *
 * @param levels at most five
 */
public record Levels(List<Level> levels) implements Body {
    /** Copies the levels. */
    public Levels {
        levels = List.copyOf(levels);
    }
}
