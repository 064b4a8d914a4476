package io.github.ringfence.client;

/**
 * The commands were executed, but their outcomes can no longer be had: the outcome log begins
 * later. Look up what became of them.
 */
public class OutcomesLostException extends RingfenceException {
    private static final long serialVersionUID = 1;

    OutcomesLostException(String message) {
        super(message);
    }
}
