package io.github.ringfence.client;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Identities of sessions and of subscriptions, made from their names. */
public final class SessionId {
    private SessionId() {
    }

    /**
     * The identity for a name: the first 16 bytes of its SHA-256 as a number; 1 should that be 0.
     *
     * @param name the name
     * @return the identity, as every client of Ringfence makes it
     */
    public static UInt128 of(String name) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256")
                    .digest(name.getBytes(StandardCharsets.UTF_8));
            UInt128 id = CommandCodec.get128(ByteBuffer.wrap(hash).order(ByteOrder.LITTLE_ENDIAN));
            return id.isZero() ? UInt128.of(1) : id;
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }
}
