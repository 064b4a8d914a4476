package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The client against a real engine. */
@Timeout(300)
class EngineTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    static List<Account> accounts() {
        return List.of(Account.of(1, 978, 1), Account.of(2, 978, 1));
    }

    static Transfer pay(long id, long amount) {
        return Transfer.of(id, 1, 2, amount, 978, 1);
    }

    private static Client open(TestEngine engine) {
        return Client.builder(engine.endpoint()).open();
    }

    @Test
    void single_payments_and_look_ups_are_answered() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            BlockingClient blocking = client.blocking().withTimeout(PATIENCE);
            for (Account account : accounts()) {
                assertEquals(Status.CREATED, blocking.createAccount(account).status());
            }
            assertEquals(Status.CREATED, blocking.transfer(pay(10, 500)).status());
            assertEquals(Status.EXISTS, blocking.transfer(pay(10, 500)).status());
            Outcome refused = blocking.transfer(Transfer.of(11, 1, 3, 1, 978, 1));
            assertEquals(Status.CREDIT_ACCOUNT_NOT_FOUND, refused.status());
            assertTrue(refused.status().isRefusal() && refused.status().spendsId());
            Account found = blocking.lookupAccount(UInt128.of(2)).orElseThrow();
            assertEquals(UInt128.of(500), found.creditsPosted());
            assertEquals(Optional.empty(), blocking.lookupAccount(UInt128.of(9)));
            Transfer paid = blocking.lookupTransfer(UInt128.of(10)).orElseThrow().transfer();
            assertEquals(UInt128.of(500), paid.amount());
        }
    }

    @Test
    void pending_transfers_are_posted_and_voided() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            BlockingClient blocking = client.blocking().withTimeout(PATIENCE);
            blocking.execute(accounts());
            for (long id = 20; id < 22; id++) {
                blocking.transfer(Transfer.builder(id).debitAccountId(1).creditAccountId(2)
                        .amount(7).ledger(978).code(1).flags(TransferFlags.PENDING).build());
            }
            UInt128 first = UInt128.of(20);
            UInt128 second = UInt128.of(21);
            blocking.transfer(Transfer.post(UInt128.of(30), first));
            blocking.transfer(Transfer.release(UInt128.of(31), second));
            assertEquals(Optional.of(PendingStatus.POSTED),
                    blocking.lookupTransfer(first).orElseThrow().pendingStatus());
            assertEquals(Optional.of(PendingStatus.VOIDED),
                    blocking.lookupTransfer(second).orElseThrow().pendingStatus());
            assertEquals(UInt128.of(7),
                    blocking.lookupAccount(UInt128.of(2)).orElseThrow().creditsPosted());
        }
    }

    @Test
    void policies_and_queues_work() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            BlockingClient blocking = client.blocking().withTimeout(PATIENCE);
            int limited = AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS;
            blocking.execute(Stream.of(1, 2)
                    .map(id -> Account.builder(id).ledger(978).code(1).flags(limited).build())
                    .toList());
            Transfer.Builder waiting = Transfer.builder(10).debitAccountId(1).creditAccountId(2)
                    .amount(5).ledger(978).code(1).flags(TransferFlags.QUEUE);
            UInt128 id = UInt128.of(10);
            assertEquals(Status.QUEUED, blocking.transfer(waiting.build()).status());
            FoundQueue queue = blocking.lookupQueue(UInt128.of(1)).orElseThrow();
            assertEquals(new FoundQueue(UInt128.of(5), id, 1), queue);
            assertEquals(Status.OK, blocking.requeueTransfer(id, true).status());
            Outcome resolved = blocking.resolveQueues(978);
            assertEquals(0, resolved.resolution().orElseThrow().count());
            assertEquals(Status.OK, blocking.cancelQueuedTransfer(id).status());
            assertEquals(Status.OK, blocking.setPairPolicy(
                    new PairPolicy(UInt128.of(1), UInt128.of(2), true)).status());
            assertEquals(Status.RISK_PAIR_BLOCKED, blocking.transfer(pay(12, 1)).status());
            assertEquals(Status.OK, blocking.setLedgerPolicy(
                    LedgerPolicy.builder(978).halted(true).build()).status());
            assertEquals(Status.RISK_LEDGER_HALTED, blocking.transfer(pay(13, 1)).status());
            assertEquals(Status.OK, blocking.setAccountPolicy(
                    AccountPolicy.builder(1).debitAmountMax(5).debitRateCount(3)
                            .debitRateWindowSeconds(60).frozen(Frozen.DEBITS).build()).status());
        }
    }

    @Test
    void orders_are_placed_matched_and_looked_up() {
        List<Event> events = new ArrayList<>();
        try (TestEngine engine = TestEngine.start();
                Client client = Client.builder(engine.endpoint()).session("desk")
                        .onEvent(events::add).open()) {
            BlockingClient blocking = client.blocking().withTimeout(PATIENCE);
            blocking.execute(IntStream.rangeClosed(1, 8)
                    .mapToObj(id -> Account.of(id, id % 2 == 1 ? 1 : 2, 1)).toList());
            UInt128[] id = IntStream.range(0, 20).mapToObj(UInt128::of).toArray(UInt128[]::new);
            Market market = new Market(7, 1, 2, id[1], id[2], id[4], 1, 1, 0, 0);
            assertEquals(Status.CREATED, blocking.createMarket(market).status());
            Outcome rests = blocking.placeOrder(Order.builder(id[10]).market(7).side(Side.SELL)
                    .baseAccountId(3).quoteAccountId(6).quantity(5).price(100).build());
            assertEquals(OrderStatus.OPEN, rests.order().orElseThrow().status());
            FoundBook book = blocking.lookupMarket(7).orElseThrow();
            assertEquals(List.of(new Level(id[5], 100, 1)), book.asks());
            assertEquals(List.of(), book.bids());
            assertEquals(market, book.market().market());
            Outcome trades = blocking.placeOrder(Order.builder(id[11]).market(7).side(Side.BUY)
                    .baseAccountId(5).quoteAccountId(8).quantity(2).price(100).build());
            assertEquals(new Outcome.OrderState(OrderStatus.FILLED, 2, 0),
                    trades.order().orElseThrow());
            Trade trade = (Trade) events.get(0).body();
            assertEquals(id[11], trade.takerOrderId());
            assertEquals(2, trade.quantity());
            assertEquals(3, blocking.lookupOrder(id[10]).orElseThrow().remaining());
            assertEquals(Status.OK, blocking.amendOrder(new AmendOrder(id[10], 0, 1)).status());
            assertEquals(Status.OK, blocking.cancelOrder(id[10]).status());
        }
    }

    @Test
    void many_single_payments_at_once_share_batches() throws Exception {
        try (TestEngine engine = TestEngine.start()) {
            int count = 20_000;
            long last;
            try (Client client = Client.builder(engine.endpoint()).session("many")
                    .inFlightMax(1000).open()) {
                client.blocking().execute(accounts());
                List<CompletableFuture<Outcome>> outcomes = IntStream.range(0, count)
                        .mapToObj(n -> client.transfer(pay(100 + n, 1)))
                        .toList();
                assertTrue(client.inFlight() <= 1000);
                for (CompletableFuture<Outcome> outcome : outcomes) {
                    assertEquals(Status.CREATED, outcome.get(60, TimeUnit.SECONDS).status());
                }
                last = client.lastNumber();
            }
            assertTrue(last < count / 2, "there were " + last + " batches");
            engine.stop();
            assertEquals(last, engine.dump().stream()
                    .filter(line -> line.contains("\"session\"")).count());
        }
    }

    @Test
    void commands_that_would_bind_strangers_together_are_not_sent_alone() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            Transfer linked = Transfer.builder(1).flags(TransferFlags.LINKED).build();
            assertThrows(IllegalArgumentException.class, () -> client.transfer(linked));
            assertThrows(IllegalArgumentException.class, () -> client.send(List.of()));
            assertThrows(IllegalArgumentException.class, () -> client.send(
                    List.of(linked, new LookupAccount(UInt128.of(1)))));
            assertThrows(IllegalArgumentException.class,
                    () -> Transfer.builder(1).code(65_536).build());
        }
    }

    @Test
    void a_callback_that_waits_for_the_client_is_told_so() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            client.blocking().execute(accounts());
            CompletableFuture<Optional<Account>> waits = client.transfer(pay(10, 1))
                    .thenApply(outcome -> client.blocking().lookupAccount(UInt128.of(1)));
            ExecutionException error = assertThrows(ExecutionException.class, waits::get);
            assertInstanceOf(IllegalStateException.class, error.getCause());
            CompletableFuture<Optional<Account>> sends = client.transfer(pay(11, 1))
                    .thenCompose(outcome -> client.lookupAccount(UInt128.of(1)));
            assertTrue(sends.orTimeout(60, TimeUnit.SECONDS).join().isPresent());
        }
    }

    @Test
    void without_a_session_a_lost_connection_is_reported_and_the_next_one_used() {
        try (TestEngine engine = TestEngine.start(); Client client = open(engine)) {
            BlockingClient blocking = client.blocking().withTimeout(PATIENCE);
            blocking.execute(accounts());
            engine.kill();
            CompletableFuture<Outcome> unknown = client.transfer(pay(10, 1));
            engine.restart();
            try {
                // Either it was on its way when the connection ended, or it waited for the next.
                assertEquals(Status.CREATED, unknown.orTimeout(60, TimeUnit.SECONDS).join().status());
            } catch (java.util.concurrent.CompletionException error) {
                assertInstanceOf(ConnectionLostException.class, error.getCause());
            }
            Status again = blocking.transfer(pay(10, 1)).status();
            assertTrue(again == Status.CREATED || again == Status.EXISTS);
        }
    }

    @Test
    void a_session_is_taken_over() {
        try (TestEngine engine = TestEngine.start();
                Client first = Client.builder(engine.endpoint()).session("one").open()) {
            first.blocking().execute(accounts());
            try (Client second = Client.builder(engine.endpoint()).session("one")
                    .resumeAfter(first.lastSequence(), first.lastNumber()).open()) {
                second.blocking().lookupAccount(UInt128.of(1));
                RefusedException refused = assertThrows(RefusedException.class, () ->
                        first.blocking().lookupAccount(UInt128.of(1)));
                assertEquals(Optional.of(ErrorCode.SUPERSEDED), refused.reason());
                assertTrue(first.failure().isPresent());
                second.blocking().lookupAccount(UInt128.of(1));
            }
        }
    }

    @Test
    void what_an_earlier_life_did_not_deal_with_comes_again() {
        List<Replayed> replayed = new ArrayList<>();
        try (TestEngine engine = TestEngine.start()) {
            try (Client client = Client.builder(engine.endpoint()).session("life").open()) {
                client.blocking().execute(accounts());
                client.blocking().execute(List.of(new LookupAccount(UInt128.of(1))));
                client.blocking().execute(List.of(new LookupAccount(UInt128.of(2)),
                        new LookupAccount(UInt128.of(9))), UInt128.of(78));
            }
            engine.kill();
            engine.restart();
            try (Client client = Client.builder(engine.endpoint()).session("life")
                    .resumeAfter(3, 2).onReplayed(replayed::add).open()) {
                client.blocking().lookupAccount(UInt128.of(1));
            }
        }
        assertEquals(1, replayed.size());
        Replayed one = replayed.get(0);
        assertEquals(3, one.number());
        assertEquals(UInt128.of(78), one.tag());
        assertEquals(List.of(Status.FOUND, Status.NOT_FOUND),
                one.answers().stream().map(Answer::status).toList());
        assertEquals(UInt128.of(2),
                one.answers().get(0).body(Account.class).orElseThrow().id());
    }

    @Test
    void a_session_that_is_not_known_is_not_resumed() {
        try (TestEngine engine = TestEngine.start()) {
            try (Client client = open(engine)) {
                client.blocking().execute(accounts());
            }
            RefusedException refused = assertThrows(RefusedException.class, () ->
                    Client.builder(engine.endpoint()).session("never").resumeAfter(1, 1).open());
            assertEquals(Optional.of(ErrorCode.UNKNOWN_SESSION), refused.reason());
        }
    }

    @Test
    void another_engine_at_the_same_address_is_not_sent_to() throws IOException {
        TestEngine engine = TestEngine.start();
        try (Client client = Client.builder(engine.endpoint()).session("one").open()) {
            client.blocking().execute(accounts());
            String address = engine.address();
            engine.close();
            java.nio.file.Path folder = java.nio.file.Path.of(address.substring(5)).getParent();
            java.nio.file.Files.createDirectory(folder);
            try (TestEngine other = TestEngine.in(folder)) {
                assertEquals(address, other.address());
                RingfenceException error = assertThrows(RingfenceException.class, () ->
                        client.blocking().withTimeout(PATIENCE).transfer(pay(10, 1)));
                assertTrue(error instanceof RefusedException
                        || error instanceof OtherHistoryException, error.toString());
            }
        }
    }

    @Test
    void a_client_gives_up_when_it_was_told_to() {
        Endpoint nowhere = Endpoint.of("unix:" + TestEngine.newFolder().resolve("none"))
                .withRetryFor(Duration.ofMillis(200));
        assertThrows(ConnectionLostException.class, () -> Client.builder(nowhere).open());
        try (Client client = Client.builder(nowhere).start()) {
            assertFalse(client.isConnected());
            assertThrows(ConnectionLostException.class, () ->
                    client.blocking().withTimeout(PATIENCE).transfer(pay(1, 1)));
            assertThrows(IllegalArgumentException.class, () -> Endpoint.of("somewhere"));
        }
    }

    @Test
    void a_closed_client_says_so() {
        try (TestEngine engine = TestEngine.start()) {
            Client client = open(engine);
            client.close();
            assertThrows(ConnectionLostException.class, () ->
                    client.blocking().lookupAccount(UInt128.of(1)));
        }
    }
}
