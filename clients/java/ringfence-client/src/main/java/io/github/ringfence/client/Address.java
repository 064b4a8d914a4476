package io.github.ringfence.client;

import java.nio.file.Path;

/** Where an engine listens. */
sealed interface Address {
    /** A Unix socket. */
    record Unix(Path path) implements Address {
        @Override
        public String toString() {
            return "unix:" + path;
        }
    }

    /** A port of a host. */
    record Tcp(String host, int port) implements Address {
        @Override
        public String toString() {
            return host.contains(":") ? "[" + host + "]:" + port : host + ":" + port;
        }
    }

    static Address parse(String text) {
        if (text.startsWith("unix:") && text.length() > 5) {
            return new Unix(Path.of(text.substring(5)));
        }
        int colon = text.lastIndexOf(':');
        if (colon > 0 && text.substring(colon + 1).matches("[0-9]{1,5}")) {
            String host = text.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
            return new Tcp(host, Integer.parseInt(text.substring(colon + 1)));
        }
        throw new IllegalArgumentException("an address is unix:PATH or HOST:PORT, not " + text);
    }
}
