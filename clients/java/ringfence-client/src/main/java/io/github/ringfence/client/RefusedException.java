package io.github.ringfence.client;

import java.util.Optional;

/**
 * The engine ended the connection and said why.
 */
public class RefusedException extends RingfenceException {
    private static final long serialVersionUID = 1;

    /** The number of the reason. */
    private final int code;
    /** A sequence, a version or a limit. */
    private final long value;
    /** What the engine said. */
    private final String text;

    RefusedException(int code, long value, String text) {
        super(text + " (code " + code + ")");
        this.code = code;
        this.value = value;
        this.text = text;
    }

    /**
     * The number of the reason; a later engine may have reasons that this client does not know.
     *
     * @return the number
     */
    public int code() {
        return code;
    }

    /**
     * By the reason a sequence, a version or a limit; otherwise 0.
     *
     * @return the value, unsigned
     */
    public long value() {
        return value;
    }

    /**
     * What the engine said, for people.
     *
     * @return the text
     */
    public String text() {
        return text;
    }

    /**
     * The reason, if this client knows it.
     *
     * @return the reason
     */
    public Optional<ErrorCode> reason() {
        return Optional.ofNullable(ErrorCode.find(code));
    }

    /**
     * True if the same may go well later, without a change of anything.
     *
     * @return whether a client connects again by itself
     */
    public boolean isTemporary() {
        return reason().map(ErrorCode::isTemporary).orElse(false);
    }
}
