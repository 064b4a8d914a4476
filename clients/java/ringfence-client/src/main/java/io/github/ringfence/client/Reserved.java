package io.github.ringfence.client;

import java.nio.ByteBuffer;

/** Bytes that have no meaning yet: they are zero, or the message is refused. */
final class Reserved {
    private Reserved() {
    }

    static void check(ByteBuffer in, int start, int end) {
        for (int at = start; at < end; at++) {
            if (in.get(at) != 0) {
                throw new ProtocolException("a reserved byte is not zero");
            }
        }
    }
}
