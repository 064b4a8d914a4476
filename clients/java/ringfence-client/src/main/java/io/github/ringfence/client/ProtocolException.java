package io.github.ringfence.client;

/**
 * What was received is not the protocol.
 */
public class ProtocolException extends RingfenceException {
    private static final long serialVersionUID = 1;

    ProtocolException(String message) {
        super(message);
    }
}
