package io.github.ringfence.client;

/** Checks of fields that are wider in Java than in the protocol. */
final class Checks {
    private Checks() {
    }

    static void unsigned16(String name, int value) {
        if (value < 0 || value > 0xFFFF) {
            throw new IllegalArgumentException(name + " must be 0 to 65535, not " + value);
        }
    }
}
