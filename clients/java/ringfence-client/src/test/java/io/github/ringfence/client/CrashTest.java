package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** An engine that is killed, connections that are cut: every request takes effect once. */
class CrashTest {
    /** More rounds on demand. */
    private static final int ROUNDS = Integer.getInteger("ringfence.crash.rounds", 3);
    private static final int PAYERS = 3;
    private static final int REQUESTS = 150;

    @TestFactory
    Stream<DynamicTest> every_request_takes_effect_once() {
        return IntStream.range(0, ROUNDS).mapToObj(seed ->
                DynamicTest.dynamicTest("seed " + seed, () -> round(new Random(seed))));
    }

    private static void round(Random dice) throws Exception {
        ExecutorService payers = Executors.newFixedThreadPool(PAYERS + 1);
        try (TestEngine engine = TestEngine.start(); Cutter cutter = new Cutter(engine, dice)) {
            try (Client client = Client.builder(engine.endpoint()).open()) {
                client.blocking().execute(EngineTest.accounts());
            }
            // What is seen of the engine's kills, without one missing.
            List<Message> followed = new ArrayList<>();
            Subscription follower = Subscription.builder(cutter.endpoint())
                    .wish(Wish.builder().events(false).build()).afterSequence(0).open();
            Future<?> follows = payers.submit(() -> follower.forEach(followed::add));
            List<Future<List<Integer>>> paid = new ArrayList<>();
            for (int payer = 0; payer < PAYERS; payer++) {
                String name = "payer " + payer;
                Random own = new Random(dice.nextLong());
                paid.add(payers.submit(() -> pay(cutter.endpoint(), name, own)));
            }
            for (int kills = 0; kills < 4; kills++) {
                Thread.sleep(dice.nextInt(200));
                engine.kill();
                engine.restart();
            }
            Map<String, List<Integer>> sent = new HashMap<>();
            for (int payer = 0; payer < PAYERS; payer++) {
                sent.put(SessionId.of("payer " + payer).toString(),
                        paid.get(payer).get(240, TimeUnit.SECONDS));
            }
            int commands = sent.values().stream().flatMap(List::stream).mapToInt(it -> it).sum();
            awaitOutcomes(follower, commands + EngineTest.accounts().size());
            follower.close();
            follows.get(60, TimeUnit.SECONDS);
            engine.stop();
            assertEquals(sent, journaled(engine));
            assertFollowedOnce(followed, commands);
        } finally {
            payers.shutdownNow();
        }
    }

    /** Sends requests, some without an id of their own; returns how many commands each had. */
    private static List<Integer> pay(Endpoint endpoint, String name, Random dice)
            throws Exception {
        List<Integer> counts = new ArrayList<>();
        List<CompletableFuture<List<Answer>>> futures = new ArrayList<>();
        try (Client client = Client.builder(endpoint).session(name).open()) {
            for (int number = 1; number <= REQUESTS; number++) {
                int count = 1 + dice.nextInt(3);
                boolean isPolicy = number % 3 == 0;
                AccountPolicy policy = AccountPolicy.builder(1)
                        .debitRateCount(1_000_000 + number).debitRateWindowSeconds(1).build();
                List<Command> batch = new ArrayList<>();
                for (int at = 0; at < count; at++) {
                    batch.add(isPolicy ? policy : Transfer.of(UInt128.newId(), UInt128.of(1),
                            UInt128.of(2), UInt128.of(1), 978, 1));
                }
                futures.add(client.send(batch, UInt128.of(number)));
                counts.add(count);
                if (number % 10 == 0) {
                    Thread.sleep(dice.nextInt(20));
                }
            }
            long last = 0;
            for (CompletableFuture<List<Answer>> future : futures) {
                for (Answer answer : future.get(180, TimeUnit.SECONDS)) {
                    boolean isPolicy = answer.outcome().op() == Op.SET_ACCOUNT_POLICY;
                    assertEquals(isPolicy ? Status.OK : Status.CREATED, answer.status());
                    assertEquals(1, Long.compare(answer.outcome().sequence(), last));
                    last = answer.outcome().sequence();
                }
            }
        }
        return counts;
    }

    /** Of each session the lengths of its requests; their numbers and tags must count up. */
    private static Map<String, List<Integer>> journaled(TestEngine engine) throws IOException {
        Map<String, List<Integer>> seen = new HashMap<>();
        for (String line : engine.dump()) {
            JsonNode read = new ObjectMapper().readTree(line);
            JsonNode first = read.isArray() ? read.get(0) : read;
            if (first.has("session")) {
                List<Integer> counts = seen.computeIfAbsent(
                        first.get("session").asText(), session -> new ArrayList<>());
                counts.add(read.isArray() ? read.size() : 1);
                assertEquals(counts.size(), first.get("request").asInt());
                assertEquals(counts.size(), first.get("tag").asInt());
            }
        }
        return seen;
    }

    private static void awaitOutcomes(Subscription follower, int commands)
            throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (System.nanoTime() < deadline
                && follower.position().map(Position::sequence).orElse(0L) < commands) {
            Thread.sleep(10);
        }
    }

    /** Every sequence once, in order, and of each request its session's number. */
    private static void assertFollowedOnce(List<Message> followed, int commands) {
        long expected = 1;
        int ofSessions = 0;
        for (Message message : followed) {
            assertEquals(expected++, message.what().sequence());
            boolean hasNumber = message.origin().map(it -> it.number() > 0).orElse(false);
            ofSessions += hasNumber ? 1 : 0;
        }
        assertEquals(commands, ofSessions);
    }
}
