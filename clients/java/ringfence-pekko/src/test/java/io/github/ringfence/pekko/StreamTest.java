package io.github.ringfence.pekko;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.ringfence.client.Account;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Command;
import io.github.ringfence.client.Message;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Status;
import io.github.ringfence.client.Subscription;
import io.github.ringfence.client.TestEngine;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.TransferExpired;
import io.github.ringfence.client.TransferFlags;
import io.github.ringfence.client.UInt128;
import io.github.ringfence.client.Wish;
import io.github.ringfence.pekko.javadsl.Ringfence;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.SinkQueueWithCancel;
import org.apache.pekko.stream.javadsl.Source;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Streams against a real engine. */
@Timeout(300)
class StreamTest {
    private static final Wish OUTCOMES = Wish.builder().events(false).build();

    private ActorSystem system;
    private TestEngine engine;
    private Client client;

    @BeforeEach
    void start() {
        system = ActorSystem.create("test");
        engine = TestEngine.start();
        client = Client.builder(engine.endpoint()).session("stream").open();
        client.blocking().execute(List.of(Account.of(1, 978, 1), Account.of(2, 978, 1)));
    }

    @AfterEach
    void stop() throws Exception {
        client.close();
        system.terminate();
        get(system.getWhenTerminated());
        engine.close();
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(180, TimeUnit.SECONDS);
    }

    private static List<Command> payments(long from, long to) {
        return LongStream.range(from, to)
                .<Command>mapToObj(id -> Transfer.of(id, 1, 2, 1, 978, 1)).toList();
    }

    private Subscription.Builder outcomes() {
        return Subscription.builder(engine.endpoint()).wish(OUTCOMES);
    }

    @Test
    void commands_become_outcomes_in_order_through_a_kill_of_the_engine() throws Exception {
        int count = 20_000;
        CompletionStage<List<Outcome>> paid = Source.from(payments(10, 10 + count))
                .via(Ringfence.outcomes(client, 500))
                .runWith(Sink.seq(), system);
        CompletionStage<List<Message>> heard = Ringfence.messages(outcomes().afterSequence(2))
                .take(count)
                .runWith(Sink.seq(), system);
        for (int kills = 0; kills < 3; kills++) {
            Thread.sleep(100);
            engine.kill();
            engine.restart();
        }
        List<Outcome> outcomes = get(paid);
        List<Message> messages = get(heard);
        for (int at = 0; at < count; at++) {
            assertEquals(UInt128.of(10 + at), outcomes.get(at).id());
            assertEquals(Status.CREATED, outcomes.get(at).status());
            assertEquals(outcomes.get(at), messages.get(at).what());
        }
        assertEquals(UInt128.of(count),
                client.blocking().lookupAccount(UInt128.of(2)).orElseThrow().creditsPosted());
    }

    @Test
    void batches_stay_batches() throws Exception {
        List<Integer> sizes = new ArrayList<>();
        get(Source.from(List.of(payments(10, 13), payments(13, 18)))
                .via(Ringfence.batches(client, 2))
                .runForeach(answers -> sizes.add(answers.size()), system));
        assertEquals(List.of(3, 5), sizes);
    }

    @Test
    void a_source_goes_no_faster_than_its_stream_and_resumes_after_a_position() throws Exception {
        client.blocking().execute(payments(10, 1000));
        SinkQueueWithCancel<Message> slow = Ringfence.messages(outcomes().afterSequence(0))
                .toMat(Sink.<Message>queue(1), Keep.right()).run(system);
        Message last = null;
        for (long sequence = 1; sequence <= 50; sequence++) {
            last = get(slow.pull()).orElseThrow();
            assertEquals(sequence, last.what().sequence());
        }
        slow.cancel();
        Message next = get(Ringfence.messages(outcomes().after(last.position()))
                .runWith(Sink.head(), system));
        assertEquals(51, next.what().sequence());
    }

    @Test
    void events_are_emitted_for_scala_too() throws Exception {
        client.blocking().transfer(Transfer.builder(10).debitAccountId(1).creditAccountId(2)
                .amount(1).ledger(978).code(1).timeout(1).flags(TransferFlags.PENDING).build());
        Subscription.Builder all = Subscription.builder(engine.endpoint()).afterSequence(0);
        Object body = get(io.github.ringfence.pekko.scaladsl.Ringfence.events(all).asJava()
                .runWith(Sink.head(), system)).body();
        assertEquals(new TransferExpired(UInt128.of(10)), body);
        List<Outcome> outcomes = get(Source.from(payments(20, 22))
                .via(io.github.ringfence.pekko.scaladsl.Ringfence.outcomes(client, 2).asJava())
                .runWith(Sink.seq(), system));
        assertEquals(2, outcomes.size());
    }

    @Test
    void a_stream_fails_when_the_client_is_closed() {
        client.close();
        ExecutionException error = assertThrows(ExecutionException.class, () ->
                get(Source.from(payments(10, 11)).via(Ringfence.outcomes(client, 1))
                        .runWith(Sink.seq(), system)));
        assertTrue(error.getCause().getMessage().contains("closed"), error.toString());
    }
}
