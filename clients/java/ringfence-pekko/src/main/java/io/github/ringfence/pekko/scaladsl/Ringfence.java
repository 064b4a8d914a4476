package io.github.ringfence.pekko.scaladsl;

import io.github.ringfence.client.Answer;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Command;
import io.github.ringfence.client.Event;
import io.github.ringfence.client.Message;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Subscription;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.scaladsl.Flow;
import org.apache.pekko.stream.scaladsl.Source;

/** The flows and sources of {@link io.github.ringfence.pekko.javadsl.Ringfence}, for Scala. */
public final class Ringfence {
    private Ringfence() {
    }

    /**
     * See {@link io.github.ringfence.pekko.javadsl.Ringfence#outcomes}.
     *
     * @param client the client; it stays open when the stream ends
     * @param parallelism most commands of this stream that are under way
     * @return the flow
     */
    public static Flow<Command, Outcome, NotUsed> outcomes(Client client, int parallelism) {
        return io.github.ringfence.pekko.javadsl.Ringfence.outcomes(client, parallelism).asScala();
    }

    /**
     * See {@link io.github.ringfence.pekko.javadsl.Ringfence#answers}.
     *
     * @param client the client; it stays open when the stream ends
     * @param parallelism most commands of this stream that are under way
     * @return the flow
     */
    public static Flow<Command, Answer, NotUsed> answers(Client client, int parallelism) {
        return io.github.ringfence.pekko.javadsl.Ringfence.answers(client, parallelism).asScala();
    }

    /**
     * See {@link io.github.ringfence.pekko.javadsl.Ringfence#messages}.
     *
     * @param subscription what to be told, and from where on
     * @return the source; it never completes, and fails when the client gives up
     */
    public static Source<Message, NotUsed> messages(Subscription.Builder subscription) {
        return io.github.ringfence.pekko.javadsl.Ringfence.messages(subscription).asScala();
    }

    /**
     * See {@link io.github.ringfence.pekko.javadsl.Ringfence#events}.
     *
     * @param subscription what to be told, and from where on
     * @return the source; it never completes, and fails when the client gives up
     */
    public static Source<Event, NotUsed> events(Subscription.Builder subscription) {
        return io.github.ringfence.pekko.javadsl.Ringfence.events(subscription).asScala();
    }
}
