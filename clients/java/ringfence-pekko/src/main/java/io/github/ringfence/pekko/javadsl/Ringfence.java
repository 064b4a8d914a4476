package io.github.ringfence.pekko.javadsl;

import io.github.ringfence.client.Answer;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Command;
import io.github.ringfence.client.Event;
import io.github.ringfence.client.Message;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Subscription;
import java.util.List;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.ActorAttributes;
import org.apache.pekko.stream.javadsl.Flow;
import org.apache.pekko.stream.javadsl.JavaFlowSupport;
import org.apache.pekko.stream.javadsl.Source;

/**
 * Flows of commands to what became of them, and sources of what happens in an engine.
 *
 * <p>Back-pressure goes both ways: a flow asks for no more commands than may be under way, and a
 * source reads from the engine no faster than its stream asks.
 */
public final class Ringfence {
    private static final String BLOCKING_DISPATCHER = "pekko.actor.default-blocking-io-dispatcher";

    private Ringfence() {
    }

    /**
     * Sends commands and emits their outcomes, in the same order, once they are durable. Commands
     * of one operation that are under way at the same time share batches.
     *
     * <p>A refused payment is an outcome. The stream fails with a {@link
     * io.github.ringfence.client.RingfenceException} when the client gives up; with a session,
     * connections that are lost in between are resumed and nobody notices.
     *
     * @param client the client; it stays open when the stream ends
     * @param parallelism most commands of this stream that are under way
     * @return the flow
     */
    public static Flow<Command, Outcome, NotUsed> outcomes(Client client, int parallelism) {
        return answers(client, parallelism).map(Answer::outcome);
    }

    /**
     * As {@link #outcomes}, with what look-ups find.
     *
     * @param client the client; it stays open when the stream ends
     * @param parallelism most commands of this stream that are under way
     * @return the flow
     */
    public static Flow<Command, Answer, NotUsed> answers(Client client, int parallelism) {
        // Sending waits while the client has no room, so it must not hold up other streams.
        return Flow.<Command>create()
                .mapAsync(parallelism, client::submit)
                .withAttributes(ActorAttributes.dispatcher(BLOCKING_DISPATCHER));
    }

    /**
     * Sends batches, each executed in order and kept whole or not at all, and emits their answers
     * in the same order.
     *
     * @param client the client; it stays open when the stream ends
     * @param parallelism most batches of this stream that are under way
     * @return the flow
     */
    public static Flow<List<Command>, List<Answer>, NotUsed> batches(
            Client client, int parallelism) {
        return Flow.<List<Command>>create()
                .mapAsync(parallelism, batch -> client.send(batch))
                .withAttributes(ActorAttributes.dispatcher(BLOCKING_DISPATCHER));
    }

    /**
     * Emits what a subscription tells, with the position to resume after. It resumes by itself
     * after lost connections. Each materialization has a connection and a thread of its own, and
     * begins where the builder says.
     *
     * @param subscription what to be told, and from where on
     * @return the source; it never completes, and fails when the client gives up
     */
    public static Source<Message, NotUsed> messages(Subscription.Builder subscription) {
        return JavaFlowSupport.Source.fromPublisher(subscription.publisher());
    }

    /**
     * Emits the numbered events of a subscription: expiries, releases of queued payments, trades.
     *
     * @param subscription what to be told, and from where on
     * @return the source; it never completes, and fails when the client gives up
     */
    public static Source<Event, NotUsed> events(Subscription.Builder subscription) {
        return messages(subscription)
                .map(Message::what)
                .filter(Event.class::isInstance)
                .map(Event.class::cast);
    }
}
