package io.github.ringfence.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** An engine in a temporary folder; started again after a kill, it goes on. */
public final class TestEngine implements AutoCloseable {
    /** The folder of the repository. */
    public static final Path ROOT = root();
    private static final Path PROGRAM = program();

    private final Path folder;
    private final List<String> options;
    private Process process;
    private String readyOn;

    private static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("clients/conformance/engine.json"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException("the tests run within the repository");
            }
        }
        return folder;
    }

    private static Path program() {
        String given = System.getProperty("ringfence.bin", System.getenv("RINGFENCE_BIN"));
        if (given != null) {
            return Path.of(given);
        }
        Path debug = ROOT.resolve("target/debug/ringfence");
        return Files.exists(debug) ? debug : ROOT.resolve("target/release/ringfence");
    }

    private TestEngine(Path folder, List<String> options) {
        this.folder = folder;
        this.options = options;
    }

    /**
     * Starts an engine in a new folder. {@code FOLDER} in an option stands for that folder.
     *
     * @param options more options of {@code ringfence run}
     * @return the engine, ready
     */
    public static TestEngine start(String... options) {
        return in(newFolder(), options);
    }

    static Path newFolder() {
        try {
            return Files.createTempDirectory("ringfence-java");
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static TestEngine in(Path folder, String... options) {
        if (!Files.exists(PROGRAM)) {
            throw new IllegalStateException("there is no engine at " + PROGRAM
                    + ": run `cargo build`, or name one with RINGFENCE_BIN");
        }
        TestEngine engine = new TestEngine(folder, List.of(options));
        engine.restart();
        return engine;
    }

    /** Starts the engine again, which must not be running. */
    public void restart() {
        List<String> command = new ArrayList<>(List.of(
                PROGRAM.toString(), "run", "--data-dir", folder.resolve("data").toString(),
                "--listen", address(), "--accounts", "1000", "--transfers", "200000"));
        options.forEach(option -> command.add(option.replace("FOLDER", folder.toString())));
        try {
            process = new ProcessBuilder(command).start();
            BufferedReader said = process.errorReader(StandardCharsets.UTF_8);
            String line = said.readLine();
            StringBuilder all = new StringBuilder();
            while (line != null && !line.contains("ready on")) {
                all.append(line).append('\n');
                line = said.readLine();
            }
            if (line == null) {
                throw new IllegalStateException("the engine did not start: " + all);
            }
            readyOn = line;
            // Whatever else it says must not fill the pipe.
            Thread drain = new Thread(() -> drain(said));
            drain.setDaemon(true);
            drain.start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void drain(BufferedReader said) {
        try {
            said.transferTo(Writer.nullWriter());
        } catch (IOException error) {
            // It closes when the engine is killed.
        }
    }

    /**
     * The address of its Unix socket.
     *
     * @return the address
     */
    public String address() {
        return "unix:" + folder.resolve("socket");
    }

    /**
     * The endpoint of its Unix socket.
     *
     * @return the endpoint
     */
    public Endpoint endpoint() {
        return Endpoint.of(address());
    }

    /** The port that it has chosen on 127.0.0.1. */
    int port() {
        return Integer.parseInt(readyOn.replaceAll(".*127\\.0\\.0\\.1:([0-9]+).*", "$1"));
    }

    /** Ends it at once, with SIGKILL. */
    public void kill() {
        process.destroyForcibly();
        await(process);
    }

    /** Ends it in order. */
    public void stop() {
        process.destroy();
        await(process);
    }

    private static void await(Process process) {
        try {
            process.waitFor();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Runs the program to its end and returns what it prints. */
    static String run(List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(PROGRAM.toString()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        await(process);
        if (process.exitValue() != 0) {
            throw new IllegalStateException(command + ": " + said);
        }
        return said;
    }

    /** The journal, a line for each batch; the engine must have stopped. */
    List<String> dump() throws IOException {
        String data = folder.resolve("data").toString();
        return run(List.of("journal", "dump", "--data-dir", data)).lines().toList();
    }

    @Override
    public void close() {
        kill();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
