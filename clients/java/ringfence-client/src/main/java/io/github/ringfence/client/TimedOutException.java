package io.github.ringfence.client;

/**
 * No outcome came in the time that the caller gave. The command may take effect later all the same;
 * in a session with a name it does so at most once.
 */
public class TimedOutException extends RingfenceException {
    private static final long serialVersionUID = 1;

    TimedOutException(String message) {
        super(message);
    }
}
