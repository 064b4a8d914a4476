package io.github.ringfence.client;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLContext;

/**
 * Where an engine listens, how a client shows who it is, and how it connects again. Immutable: each
 * {@code with} method returns another one.
 */
public final class Endpoint {
    /** For {@link #withRetryFor}: without an end. */
    public static final Duration FOREVER = Duration.ofDays(100_000);

    private final Address address;
    private final byte[] token;
    private final SSLContext tls;
    private final String serverName;
    private final Duration backOffMin;
    private final Duration backOffMax;
    private final Duration retryFor;

    private Endpoint(
            Address address, byte[] token, SSLContext tls, String serverName, Duration backOffMin,
            Duration backOffMax, Duration retryFor) {
        this.address = address;
        this.token = token;
        this.tls = tls;
        this.serverName = serverName;
        this.backOffMin = backOffMin;
        this.backOffMax = backOffMax;
        this.retryFor = retryFor;
    }

    /**
     * An engine at an address.
     *
     * @param address {@code unix:PATH} or {@code HOST:PORT}
     * @return the endpoint: without a token and TLS, tried for 60 seconds
     * @throws IllegalArgumentException if this is no address
     */
    public static Endpoint of(String address) {
        return new Endpoint(
                Address.parse(address), new byte[0], null, null, Duration.ofMillis(50),
                Duration.ofSeconds(5), Duration.ofSeconds(60));
    }

    /**
     * The same with a token, for an engine with an access file.
     *
     * @param token as {@code ringfence access token} printed it
     * @return the endpoint
     */
    public Endpoint withToken(String token) {
        byte[] bytes = token.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > Messages.TOKEN_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "a token has at most " + Messages.TOKEN_BYTES_MAX + " bytes");
        }
        return new Endpoint(address, bytes, tls, serverName, backOffMin, backOffMax, retryFor);
    }

    /**
     * The same over TLS; the engine's certificate must be for the host of the address, or for the
     * name given to {@link #withServerName}. Only for TCP: Unix sockets never speak TLS.
     *
     * @param context whom the client trusts, and the certificate that it shows, if any
     * @return the endpoint
     */
    public Endpoint withTls(SSLContext context) {
        if (address instanceof Address.Unix) {
            throw new IllegalArgumentException("Unix sockets never speak TLS");
        }
        Objects.requireNonNull(context, "context");
        return new Endpoint(
                address, token, context, serverName, backOffMin, backOffMax, retryFor);
    }

    /**
     * The same, with the name that the engine's certificate must have.
     *
     * @param name a host name
     * @return the endpoint
     */
    public Endpoint withServerName(String name) {
        return new Endpoint(address, token, tls, name, backOffMin, backOffMax, retryFor);
    }

    /**
     * The same, with other times between two attempts to connect. They double from the first to
     * the largest, each shortened by chance by up to a half.
     *
     * @param first the first one
     * @param largest the largest one
     * @return the endpoint
     */
    public Endpoint withBackOff(Duration first, Duration largest) {
        if (first.isNegative() || first.isZero() || largest.compareTo(first) < 0) {
            throw new IllegalArgumentException("the first time is above 0, and not the larger one");
        }
        return new Endpoint(address, token, tls, serverName, first, largest, retryFor);
    }

    /**
     * The same, with another time for which the client tries to reach the engine, from the start or
     * from the loss of a connection on, before it gives up.
     *
     * @param duration how long; see {@link #FOREVER}
     * @return the endpoint
     */
    public Endpoint withRetryFor(Duration duration) {
        return new Endpoint(address, token, tls, serverName, backOffMin, backOffMax, duration);
    }

    Address address() {
        return address;
    }

    byte[] token() {
        return token;
    }

    Optional<SSLContext> tls() {
        return Optional.ofNullable(tls);
    }

    Optional<String> serverName() {
        return Optional.ofNullable(serverName);
    }

    BackOff backOff() {
        return new BackOff(backOffMin, backOffMax, retryFor);
    }

    /** The address; never the token. */
    @Override
    public String toString() {
        return address.toString();
    }
}
