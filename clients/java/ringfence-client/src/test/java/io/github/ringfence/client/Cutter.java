package io.github.ringfence.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Passes bytes on to an engine's socket, and cuts connections after a random number of them. */
final class Cutter implements AutoCloseable {
    private final TestEngine engine;
    private final Random dice;
    private final Path path = TestEngine.newFolder().resolve("cut");
    private final ServerSocketChannel listener;

    Cutter(TestEngine engine, Random dice) throws IOException {
        this.engine = engine;
        this.dice = new Random(dice.nextLong());
        listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(path));
        start(this::serve);
    }

    Endpoint endpoint() {
        return Endpoint.of("unix:" + path);
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "cutter");
        thread.setDaemon(true);
        thread.start();
    }

    private void serve() {
        try {
            while (true) {
                SocketChannel client = listener.accept();
                SocketChannel behind = SocketChannel.open(StandardProtocolFamily.UNIX);
                try {
                    behind.connect(UnixDomainSocketAddress.of(engine.address().substring(5)));
                } catch (IOException error) {
                    // The engine is down just now.
                    client.close();
                    behind.close();
                    continue;
                }
                int up = 1 + dice.nextInt(40_000);
                int down = 1 + dice.nextInt(40_000);
                start(() -> pump(client, behind, up));
                start(() -> pump(behind, client, down));
            }
        } catch (IOException error) {
            // It is closed when the test is over.
        }
    }

    private static void pump(SocketChannel from, SocketChannel to, int bytes) {
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        try (from; to) {
            int left = bytes;
            while (left > 0 && from.read(buffer.clear().limit(Math.min(left, 4096))) >= 0) {
                buffer.flip();
                left -= buffer.remaining();
                while (buffer.hasRemaining()) {
                    to.write(buffer);
                }
            }
        } catch (IOException error) {
            // The other direction was cut first.
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
            Files.deleteIfExists(path);
            Files.deleteIfExists(path.getParent());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
