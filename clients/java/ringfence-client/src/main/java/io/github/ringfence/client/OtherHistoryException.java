package io.github.ringfence.client;

/**
 * The engine at this address has another journal, or one that was repaired, than before.
 *
 * <p>Sending again might pay twice, so nothing was sent. A person has to look.
 */
public class OtherHistoryException extends RingfenceException {
    private static final long serialVersionUID = 1;

    OtherHistoryException(String message) {
        super(message);
    }
}
