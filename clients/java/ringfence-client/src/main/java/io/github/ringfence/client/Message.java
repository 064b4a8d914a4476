package io.github.ringfence.client;

import java.util.Optional;

/**
 * Something that happened, and the place of the subscription after it.
 *
 * @param position everything up to here has been dealt with once this message has: resume after it
 * @param what an outcome, an event or a command
 * @param origin session, request number and tag of the command's batch, where it has any
 */
public record Message(Position position, Happening what, Optional<Origin> origin) {
}
