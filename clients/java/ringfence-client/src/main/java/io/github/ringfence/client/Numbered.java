package io.github.ringfence.client;

/** A value with a number in the protocol, which never changes. */
public interface Numbered {
    /**
     * The number in the protocol.
     *
     * @return the number
     */
    int number();
}
