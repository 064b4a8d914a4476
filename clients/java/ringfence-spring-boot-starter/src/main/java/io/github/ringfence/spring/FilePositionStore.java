package io.github.ringfence.spring;

import io.github.ringfence.client.Position;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Keeps the position in a file. It is replaced as a whole: a killed application finds the last
 * position or the one before it, never half of one.
 */
public final class FilePositionStore implements PositionStore {
    private final Path file;

    /**
     * Keeps it in this file; its folder must exist.
     *
     * @param file the file
     */
    public FilePositionStore(Path file) {
        this.file = file.toAbsolutePath();
    }

    @Override
    public Optional<Position> load() {
        try {
            return Files.exists(file)
                    ? Optional.of(Position.parse(Files.readString(file)))
                    : Optional.empty();
        } catch (IOException error) {
            throw new UncheckedIOException("reading " + file, error);
        }
    }

    @Override
    public void store(Position position) {
        Path next = file.resolveSibling(file.getFileName() + ".next");
        byte[] text = (position + "\n").getBytes(StandardCharsets.UTF_8);
        try {
            try (FileChannel channel = FileChannel.open(next, StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
                ByteBuffer bytes = ByteBuffer.wrap(text);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
            }
            Files.move(next, file,
                    StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException error) {
            throw new UncheckedIOException("writing " + file, error);
        }
    }
}
