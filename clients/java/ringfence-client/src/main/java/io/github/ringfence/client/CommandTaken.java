package io.github.ringfence.client;

/**
 * A command as the engine took it in, for subscriptions that want commands.
 *
 * @param sequence of the command, unsigned
 * @param timestamp of the command, in nanoseconds since 1970
 * @param command the command
 */
public record CommandTaken(
        long sequence,
        long timestamp,
        Command command)
        implements Happening {
}
