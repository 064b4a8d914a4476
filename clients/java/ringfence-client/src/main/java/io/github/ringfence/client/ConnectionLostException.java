package io.github.ringfence.client;

/**
 * The connection ended before an outcome came.
 *
 * <p>In a session without a name it is unknown if the command was executed.
 */
public class ConnectionLostException extends RingfenceException {
    private static final long serialVersionUID = 1;

    ConnectionLostException(String message) {
        super(message);
    }

    ConnectionLostException(String message, Throwable cause) {
        super(message, cause);
    }
}
