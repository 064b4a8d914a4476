package io.github.ringfence.client;

/** Why the engine ends a connection. */
public enum ErrorCode implements Numbered {
    /** The stream does not begin with a hello. */
    BAD_MAGIC(1),
    /** Unsupported version. */
    UNSUPPORTED_VERSION(2),
    /** A message of a kind that is not allowed here. */
    UNEXPECTED_MESSAGE(3),
    /** The length does not follow from kind and count. */
    BAD_LENGTH(4),
    /** Wrong checksum. */
    BAD_CHECKSUM(5),
    /** Unknown operation, or pulse. */
    BAD_OP(6),
    /** A batch of no commands or of more than 8,192; a filter or a token that is too long. */
    BAD_COUNT(7),
    /** Reserved bytes are not zero. */
    RESERVED_NOT_ZERO(8),
    /** A field has a value without a meaning. */
    BAD_VALUE(9),
    /** The engine has as many connections as it allows. */
    TOO_MANY_SESSIONS(10),
    /**
     * The client does not read: more is owed to it than it may be owed, or it has taken
     * nothing for too long.
     */
    NOT_READING(11),
    /** Another connection has taken the session over. */
    SUPERSEDED(12),
    /** The session to be resumed is not known. */
    UNKNOWN_SESSION(13),
    /** The client has dealt with a sequence that the engine has not reached. */
    SEQUENCE_AHEAD(14),
    /** Journal or epoch are others than the client expects. */
    OTHER_HISTORY(15),
    /** The table of sessions has no place for a new one. */
    SESSIONS_FULL(16),
    /** The number of a request does not increase. */
    REQUEST_NOT_INCREASING(17),
    /** Nothing proves who the client is, or not rightly. */
    UNAUTHENTICATED(18),
    /** The client may not do this. */
    NOT_ALLOWED(19),
    /** The hello did not come in time. */
    HELLO_TIMEOUT(20),
    /** The client was silent for too long. */
    IDLE_TIMEOUT(21),
    /** More requests a second than the client may send. */
    RATE_LIMITED(22),
    /** What is to be followed begins before the oldest outcome that is kept. */
    TOO_FAR_BEHIND(23),
    /** The engine keeps no outcome log. */
    NO_OUTCOME_LOG(24),
    /** Nothing was acknowledged under the name of the subscription. */
    UNKNOWN_SUBSCRIPTION(25),
    /** The subscription was too far behind, and its name was dropped. */
    SUBSCRIPTION_DROPPED(26),
    /** The engine is being stopped. */
    STOPPING(27),
    /** The client has as many connections as it may have. */
    TOO_MANY_CONNECTIONS(28),
    /** The engine serves as many subscriptions as it can, or remembers as many names. */
    TOO_MANY_SUBSCRIPTIONS(29),
    /** Another connection has taken the subscription over. */
    SUBSCRIPTION_SUPERSEDED(30);

    private static final Numbers<ErrorCode> NUMBERS = new Numbers<>("error code", values());

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    @Override
    public int number() {
        return number;
    }

    /**
     * True if the same may go well later, without a change of anything.
     *
     * @return whether a client connects again by itself
     */
    public boolean isTemporary() {
        return switch (this) {
            case BAD_CHECKSUM, TOO_MANY_SESSIONS, NOT_READING, HELLO_TIMEOUT,
                    IDLE_TIMEOUT, RATE_LIMITED, STOPPING, TOO_MANY_CONNECTIONS,
                    TOO_MANY_SUBSCRIPTIONS -> true;
            default -> false;
        };
    }

    /** The code with this number, or null: a later engine may have more of them. */
    static ErrorCode find(int number) {
        return NUMBERS.find(number);
    }
}
