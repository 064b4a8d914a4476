package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Subscriptions to a real engine. */
@Timeout(300)
class SubscriptionTest {
    private static final Wish OUTCOMES = Wish.builder().events(false).build();

    private TestEngine engine;
    private Client client;

    @BeforeEach
    void start() {
        engine = TestEngine.start();
        client = Client.builder(engine.endpoint()).session("payer").open();
        client.blocking().execute(EngineTest.accounts());
    }

    @AfterEach
    void stop() {
        client.close();
        engine.close();
    }

    private void pay(long from, long to) {
        client.blocking().execute(LongStream.range(from, to)
                .mapToObj(id -> EngineTest.pay(id, 1)).toList());
    }

    private Subscription.Builder outcomes() {
        return Subscription.builder(engine.endpoint()).wish(OUTCOMES);
    }

    @Test
    void it_tells_everything_from_a_position_on_and_resumes_after_a_kill() {
        pay(10, 13);
        try (Subscription all = outcomes().afterSequence(0).open()) {
            Iterator<Message> messages = all.iterator();
            Message last = null;
            for (long sequence = 1; sequence <= 5; sequence++) {
                last = messages.next();
                assertEquals(sequence, last.what().sequence());
                assertEquals(SessionId.of("payer"), last.origin().orElseThrow().session());
            }
            engine.kill();
            engine.restart();
            pay(13, 15);
            assertEquals(6, messages.next().what().sequence());
            try (Subscription resumed = outcomes().after(last.position()).open()) {
                assertEquals(6, resumed.iterator().next().what().sequence());
            }
        }
    }

    @Test
    void filters_leave_out_and_commands_come_before_their_outcomes() {
        pay(10, 11);
        Wish wish = Wish.builder().commands(true).onlySuccesses(true)
                .operation(Op.CREATE_TRANSFER).account(UInt128.of(2)).build();
        try (Subscription some = Subscription.builder(engine.endpoint()).wish(wish)
                .afterSequence(0).open()) {
            Iterator<Message> messages = some.iterator();
            CommandTaken taken = assertInstanceOf(CommandTaken.class, messages.next().what());
            assertEquals(EngineTest.pay(10, 1), taken.command());
            Outcome outcome = assertInstanceOf(Outcome.class, messages.next().what());
            assertEquals(UInt128.of(10), outcome.id());
        }
    }

    @Test
    void progress_is_told_where_nothing_passes_and_only_behind_what_was_dealt_with()
            throws InterruptedException {
        BlockingQueue<Position> places = new LinkedBlockingQueue<>();
        List<Long> dealtWith = new ArrayList<>();
        Wish looked = Wish.builder().events(false).operation(Op.LOOKUP_ACCOUNT).build();
        Subscription quiet = Subscription.builder(engine.endpoint()).wish(looked)
                .afterSequence(0).onProgress(places::add)
                .listen(message -> dealtWith.add(message.what().sequence()), error -> { });
        pay(10, 13);
        // Two accounts and three payments, which the wish leaves out.
        Position place = places.poll(60, TimeUnit.SECONDS);
        while (place != null && place.sequence() < 5) {
            place = places.poll(60, TimeUnit.SECONDS);
        }
        assertEquals(5, place.sequence());
        assertTrue(dealtWith.isEmpty());
        client.blocking().lookupAccount(UInt128.of(1));
        assertEquals(6, places.poll(60, TimeUnit.SECONDS).sequence());
        quiet.close();
        // What was found, and the outcome.
        assertEquals(List.of(6L, 6L), dealtWith);
    }

    @Test
    void another_history_is_refused() {
        Position elsewhere = new Position(UInt128.of(7), 0, 1);
        try (Subscription other = outcomes().after(elsewhere).open()) {
            RefusedException refused = assertThrows(RefusedException.class, () ->
                    other.iterator().next());
            assertEquals(ErrorCode.OTHER_HISTORY, refused.reason().orElseThrow());
        }
    }

    @Test
    void the_engine_remembers_what_was_acknowledged_under_a_name() {
        try (Subscription named = outcomes().name("auditor").afterSequence(0).open()) {
            Message first = named.iterator().next();
            // Also where the connection ends at once.
            named.acknowledge(first.position());
        }
        try (Subscription again = outcomes().name("auditor").open()) {
            assertEquals(2, again.iterator().next().what().sequence());
        }
    }

    @Test
    void a_listener_is_called_until_it_is_closed() throws InterruptedException {
        BlockingQueue<Message> heard = new LinkedBlockingQueue<>();
        CountDownLatch failed = new CountDownLatch(1);
        Subscription listens = outcomes().afterSequence(0)
                .listen(heard::add, error -> failed.countDown());
        assertEquals(1, heard.poll(60, TimeUnit.SECONDS).what().sequence());
        assertEquals(2, heard.poll(60, TimeUnit.SECONDS).what().sequence());
        listens.close();
        pay(10, 11);
        assertFalse(failed.await(300, TimeUnit.MILLISECONDS));
        assertTrue(heard.isEmpty());
    }

    /** Collects messages, and asks for as many as the test says. */
    private static final class Collector implements Flow.Subscriber<Message> {
        final BlockingQueue<Message> heard = new LinkedBlockingQueue<>();
        final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();
        final CompletableFuture<Throwable> error = new CompletableFuture<>();

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription.complete(given);
        }

        @Override
        public void onNext(Message message) {
            heard.add(message);
        }

        @Override
        public void onError(Throwable thrown) {
            error.complete(thrown);
        }

        @Override
        public void onComplete() {
            error.complete(new IllegalStateException("it never completes"));
        }
    }

    @Test
    void a_publisher_gives_no_more_than_is_asked_for() throws Exception {
        pay(10, 20);
        Collector collector = new Collector();
        outcomes().afterSequence(0).publisher().subscribe(collector);
        Flow.Subscription flow = collector.subscription.get(60, TimeUnit.SECONDS);
        List<Long> seen = new ArrayList<>();
        for (int asked : new int[] {1, 3}) {
            flow.request(asked);
            for (int at = 0; at < asked; at++) {
                seen.add(collector.heard.poll(60, TimeUnit.SECONDS).what().sequence());
            }
            Thread.sleep(100);
            assertTrue(collector.heard.isEmpty());
        }
        assertEquals(List.of(1L, 2L, 3L, 4L), seen);
        flow.request(0);
        assertInstanceOf(IllegalArgumentException.class,
                collector.error.get(60, TimeUnit.SECONDS));
    }

    @Test
    void a_cancelled_publisher_says_nothing_more() throws Exception {
        Collector collector = new Collector();
        outcomes().afterSequence(0).publisher().subscribe(collector);
        Flow.Subscription flow = collector.subscription.get(60, TimeUnit.SECONDS);
        flow.request(Long.MAX_VALUE);
        assertEquals(1, collector.heard.poll(60, TimeUnit.SECONDS).what().sequence());
        assertEquals(2, collector.heard.poll(60, TimeUnit.SECONDS).what().sequence());
        flow.cancel();
        pay(10, 11);
        Thread.sleep(200);
        assertTrue(collector.heard.isEmpty());
        assertFalse(collector.error.isDone());
    }
}
