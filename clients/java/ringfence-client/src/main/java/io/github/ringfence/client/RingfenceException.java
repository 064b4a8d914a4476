package io.github.ringfence.client;

/** The base of all errors of this client. A refused payment is none: it is an outcome. */
public class RingfenceException extends RuntimeException {
    private static final long serialVersionUID = 1;

    RingfenceException(String message) {
        super(message);
    }

    RingfenceException(String message, Throwable cause) {
        super(message, cause);
    }
}
