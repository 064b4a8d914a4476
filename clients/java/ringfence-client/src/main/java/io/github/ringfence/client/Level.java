package io.github.ringfence.client;

import java.util.Objects;

/**
 * Orders of one price.
 *
 * @param quantity lots of all of them
 * @param price the price
 * @param orders how many there are
 */
public record Level(UInt128 quantity, long price, long orders) {
    /** Checks the fields. */
    public Level {
        Objects.requireNonNull(quantity, "quantity");
    }
}
