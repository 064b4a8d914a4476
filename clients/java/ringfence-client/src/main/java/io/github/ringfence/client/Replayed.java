package io.github.ringfence.client;

import java.util.List;

/**
 * Answers to a batch that an earlier life of this session had sent.
 *
 * @param number of the request, unsigned
 * @param tag of the batch
 * @param answers one for each command that was not dealt with
 */
public record Replayed(
        long number,
        UInt128 tag,
        List<Answer> answers) {
    /** Copies the answers. */
    public Replayed {
        answers = List.copyOf(answers);
    }
}
