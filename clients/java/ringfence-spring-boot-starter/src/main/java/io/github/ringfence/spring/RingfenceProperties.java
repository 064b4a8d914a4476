package io.github.ringfence.spring;

import java.time.Duration;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * What an application says about its engine.
 *
 * @param address Where the engine listens: unix:PATH or HOST:PORT.
 * @param token Token, as `ringfence access token` printed it.
 * @param session Name of the session, so that each command takes effect once. One running
 *     application at a time may use a name.
 * @param timeout How long the template waits for an outcome.
 * @param retryFor How long the client tries to reach the engine before it gives up; by default it
 *     never does.
 * @param inFlightMax Most commands that are not answered.
 * @param tls TLS, for TCP.
 * @param events Application events.
 */
@ConfigurationProperties("ringfence")
public record RingfenceProperties(
        String address,
        String token,
        String session,
        @DefaultValue("30s") Duration timeout,
        Duration retryFor,
        @DefaultValue("16384") int inFlightMax,
        @DefaultValue Tls tls,
        @DefaultValue Events events) {

    /**
     * TLS, for TCP.
     *
     * @param bundle Name of the SSL bundle with whom the client trusts and the certificate that it
     *     shows; without it there is no TLS.
     * @param serverName Name that the engine's certificate must have, if not the host's.
     */
    public record Tls(String bundle, String serverName) {
    }

    /**
     * Application events.
     *
     * @param enabled Whether what happens in the engine is published as application events.
     * @param ledgers Only what concerns one of these ledgers; all by default.
     * @param onlySuccesses Whether refused commands are left out.
     * @param from Where to begin when no position is stored.
     * @param positionFile File in which the position is kept; without it the position is kept in
     *     memory, and a restarted application begins anew.
     */
    public record Events(
            @DefaultValue("true") boolean enabled,
            @DefaultValue List<Integer> ledgers,
            @DefaultValue("false") boolean onlySuccesses,
            @DefaultValue("now") Start from,
            String positionFile) {
    }

    /** Where events begin when no position is stored. */
    public enum Start {
        /** With what happens from now on. */
        NOW,
        /** With the first command of the engine; it must keep all outcomes. */
        BEGINNING
    }
}
