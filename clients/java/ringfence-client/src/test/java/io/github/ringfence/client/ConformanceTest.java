package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The conformance cases of the protocol, which every client is tested with. */
class ConformanceTest {
    private static final HexFormat HEX = HexFormat.of();
    private static final Map<Op, Class<? extends Record>> COMMANDS = Map.ofEntries(
            Map.entry(Op.CREATE_ACCOUNT, Account.class),
            Map.entry(Op.CREATE_TRANSFER, Transfer.class),
            Map.entry(Op.LOOKUP_ACCOUNT, LookupAccount.class),
            Map.entry(Op.LOOKUP_TRANSFER, LookupTransfer.class),
            Map.entry(Op.SET_ACCOUNT_POLICY, AccountPolicy.class),
            Map.entry(Op.SET_LEDGER_POLICY, LedgerPolicy.class),
            Map.entry(Op.SET_PAIR_POLICY, PairPolicy.class),
            Map.entry(Op.CREATE_MARKET, Market.class),
            Map.entry(Op.PLACE_ORDER, Order.class),
            Map.entry(Op.AMEND_ORDER, AmendOrder.class),
            Map.entry(Op.CANCEL_ORDER, CancelOrder.class),
            Map.entry(Op.LOOKUP_ORDER, LookupOrder.class),
            Map.entry(Op.LOOKUP_MARKET, LookupMarket.class),
            Map.entry(Op.RESOLVE_QUEUES, ResolveQueues.class),
            Map.entry(Op.CANCEL_QUEUED_TRANSFER, CancelQueuedTransfer.class),
            Map.entry(Op.REQUEUE_TRANSFER, RequeueTransfer.class),
            Map.entry(Op.LOOKUP_QUEUE, LookupQueue.class));

    private static Map<String, JsonNode> cases(String name) throws IOException {
        JsonNode all = new ObjectMapper().readTree(
                TestEngine.ROOT.resolve("clients/conformance/" + name + ".json").toFile());
        Map<String, JsonNode> cases = new LinkedHashMap<>();
        all.forEach(each -> cases.put(each.get("name").asText(), each));
        return cases;
    }

    private static byte[] bytes(JsonNode each) {
        return HEX.parseHex(each.get("hex").asText());
    }

    @TestFactory
    Stream<DynamicTest> messages_of_a_client_have_the_bytes_of_the_case() throws IOException {
        return cases("client").values().stream().map(each -> dynamicTest(
                each.get("name").asText(),
                () -> assertEquals(
                        each.get("hex").asText(), HEX.formatHex(encoded(each.get("message"))))));
    }

    @TestFactory
    Stream<DynamicTest> messages_of_an_engine_are_read_however_they_are_cut() throws IOException {
        Map<String, JsonNode> good = cases("engine");
        return good.values().stream().flatMap(each -> IntStream.of(1, 7, 1 << 20).mapToObj(
                length -> dynamicTest(each.get("name").asText() + " in pieces of " + length, () -> {
                    List<Reply> replies = decoded(stream(each, good), length);
                    assertEquals(each.get("after").size() + 1, replies.size());
                    Map<String, Object> shown = shown(replies.get(replies.size() - 1));
                    assertEquals(expected(each.get("message"), shown), shown);
                })));
    }

    @TestFactory
    Stream<DynamicTest> what_a_client_refuses_is_refused() throws IOException {
        Map<String, JsonNode> good = cases("engine");
        return cases("engine-bad").values().stream().map(each -> dynamicTest(
                each.get("name").asText(), () -> {
                    byte[] data = stream(each, good);
                    int cut = each.get("from_header").asBoolean()
                            ? data.length - bytes(each).length + 16
                            : data.length;
                    byte[] heard = java.util.Arrays.copyOf(data, Math.min(cut, data.length));
                    assertThrows(ProtocolException.class, () -> decoded(heard, 1 << 20));
                }));
    }

    private static byte[] stream(JsonNode each, Map<String, JsonNode> good) {
        StringBuilder hex = new StringBuilder();
        each.get("after").forEach(name ->
                hex.append(good.get(name.asText()).get("hex").asText()));
        return HEX.parseHex(hex.append(each.get("hex").asText()));
    }

    private static List<Reply> decoded(byte[] data, int length) {
        Decoder decoder = new Decoder();
        List<Reply> replies = new ArrayList<>();
        for (int at = 0; at < data.length; at += length) {
            decoder.room().put(data, at, Math.min(length, data.length - at));
            for (Reply reply = decoder.next(); reply != null; reply = decoder.next()) {
                replies.add(reply);
            }
        }
        return replies;
    }

    // From a case to a message of the client.

    private static long number(JsonNode message, String name) {
        return Long.parseUnsignedLong(message.get(name).asText());
    }

    private static UInt128 wide(JsonNode message, String name) {
        return UInt128.parse(message.get(name).asText());
    }

    private static byte[] encoded(JsonNode message) throws ReflectiveOperationException {
        switch (message.get("kind").asText()) {
            case "hello":
                byte[] journal = HEX.parseHex(message.get("journal").asText());
                return Messages.hello(new Messages.Hello(
                        message.get("in_flight_commands_max").asInt(), wide(message, "session"),
                        CommandCodec.get128(java.nio.ByteBuffer.wrap(journal)
                                .order(java.nio.ByteOrder.LITTLE_ENDIAN)),
                        number(message, "last_sequence"), message.get("epoch").asInt(),
                        message.get("mode").asInt(), message.get("resume").asInt() == 1,
                        message.get("events").asInt() == 1,
                        HEX.parseHex(message.get("token").asText())));
            case "batch":
                Op op = Op.of(message.get("operation").asInt());
                List<Command> commands = new ArrayList<>();
                for (JsonNode body : message.get("bodies")) {
                    commands.add(command(op, body));
                }
                return Messages.batch(commands, number(message, "number"), wide(message, "tag"));
            case "subscribe":
                return Messages.subscribe(
                        wish(message), number(message, "after_sequence"),
                        message.get("start").asInt(), wide(message, "name"));
            case "acknowledge":
                return Messages.acknowledge(number(message, "sequence"));
            default:
                return Messages.heartbeat();
        }
    }

    private static Wish wish(JsonNode message) {
        int wants = message.get("wants").asInt();
        Wish.Builder wish = Wish.builder()
                .outcomes((wants & 1) != 0)
                .events((wants & 2) != 0)
                .commands((wants & 4) != 0)
                .onlySuccesses(message.get("only_successes").asInt() == 1);
        message.get("ledgers").forEach(ledger -> wish.ledger((int) ledger.asLong()));
        message.get("accounts").forEach(id -> wish.account(UInt128.parse(id.asText())));
        long operations = number(message, "operations");
        Stream.of(Op.values())
                .filter(op -> (operations >> op.number() & 1) == 1)
                .forEach(wish::operation);
        return wish.build();
    }

    /** Bits of {@code limits} by the fields of a policy. */
    private static final Map<String, Integer> LIMITS = Map.of(
            "debit_amount_max", 1, "credit_amount_max", 2, "debit_rate_count", 4,
            "debit_spend_amount", 8, "debit_spend_count", 16, "amount_max", 1);

    private static Command command(Op op, JsonNode body) throws ReflectiveOperationException {
        Class<? extends Record> type = COMMANDS.get(op);
        RecordComponent[] components = type.getRecordComponents();
        Object[] values = new Object[components.length];
        Class<?>[] types = new Class<?>[components.length];
        for (int at = 0; at < components.length; at++) {
            String name = snake(components[at].getName());
            types[at] = components[at].getType();
            values[at] = value(types[at], body.get(name).asText(),
                    body.has("limits") && (body.get("limits").asInt()
                            & LIMITS.getOrDefault(name, 0)) != 0);
        }
        return (Command) type.getDeclaredConstructor(types).newInstance(values);
    }

    private static Object value(Class<?> type, String text, boolean isThere)
            throws ReflectiveOperationException {
        if (type == int.class) {
            return Integer.parseUnsignedInt(text);
        } else if (type == long.class) {
            return Long.parseUnsignedLong(text);
        } else if (type == boolean.class) {
            return text.equals("1");
        } else if (type == UInt128.class) {
            return UInt128.parse(text);
        } else if (type == Optional.class) {
            return isThere ? Optional.of(UInt128.parse(text)) : Optional.empty();
        } else if (type == OptionalLong.class) {
            return isThere
                    ? OptionalLong.of(Long.parseUnsignedLong(text))
                    : OptionalLong.empty();
        }
        return type.getDeclaredMethod("of", int.class).invoke(null, Integer.parseInt(text));
    }

    // From a message of the engine to the form of a case: names to numbers in decimal.

    private static String snake(String name) {
        return name.replaceAll("([A-Z]|(?<![0-9])[0-9])", "_$1").toLowerCase();
    }

    private static Map<String, Object> fields(Record record) throws ReflectiveOperationException {
        Map<String, Object> fields = new TreeMap<>();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            var accessor = component.getAccessor();
            accessor.setAccessible(true);
            Object value = accessor.invoke(record);
            String name = snake(component.getName());
            if (name.equals("levels")) {
                levels((List<?>) value, fields);
            } else if (value instanceof Record nested && !(value instanceof UInt128)) {
                fields.putAll(fields(nested));
            } else if (value instanceof List<?> list) {
                fields.put(name, all(list));
            } else {
                fields.put(name, text(value));
            }
        }
        return fields;
    }

    private static List<Object> all(List<?> records) throws ReflectiveOperationException {
        List<Object> all = new ArrayList<>();
        for (Object record : records) {
            all.add(fields((Record) record));
        }
        return all;
    }

    private static void levels(List<?> levels, Map<String, Object> fields)
            throws ReflectiveOperationException {
        for (int at = 0; at < levels.size(); at++) {
            for (var entry : fields((Record) levels.get(at)).entrySet()) {
                fields.put(entry.getKey() + "_" + at, entry.getValue());
            }
        }
    }

    private static String text(Object value) {
        if (value instanceof Optional<?> optional) {
            return optional.map(ConformanceTest::text).orElse("0");
        } else if (value instanceof Numbered numbered) {
            return String.valueOf(numbered.number());
        } else if (value instanceof Boolean bit) {
            return bit ? "1" : "0";
        } else if (value instanceof Integer number) {
            return Integer.toUnsignedString(number);
        } else if (value instanceof Long number) {
            return Long.toUnsignedString(number);
        }
        return String.valueOf(value);
    }

    private static void rename(Map<String, Object> fields, String from, String to) {
        if (fields.containsKey(from)) {
            fields.put(to, fields.remove(from));
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> shown(Reply reply) throws ReflectiveOperationException {
        if (reply instanceof Reply.Told told) {
            Event event = told.event();
            Map<String, Object> body = fields((Record) event.body());
            if (body.containsKey("filled")) {
                rename(body, "status", "order_status");
            }
            return new TreeMap<>(Map.of(
                    "sequence", text(event.sequence()), "timestamp", text(event.timestamp()),
                    "number", text(event.number()), "event", text(event.kind()), "body", body));
        }
        Map<String, Object> fields = fields((Record) reply);
        rename(fields, "op", "operation");
        if (reply instanceof Reply.Outcomes outcomes) {
            fields.put("first_sequence", text(outcomes.outcomes().get(0).sequence()));
            for (Object outcome : (List<Object>) fields.get("outcomes")) {
                ((Map<String, Object>) outcome).remove("sequence");
                rename((Map<String, Object>) outcome, "op", "operation");
            }
        } else if (reply instanceof Reply.Commands commands) {
            fields.remove("commands");
            List<Command> bodies = commands.commands().stream().map(CommandTaken::command).toList();
            fields.put("bodies", all(bodies));
        } else if (reply instanceof Reply.Greeting greeting) {
            fields.put("version", "3");
            fields.put("journal", journal(greeting.info().journal()));
        }
        return fields;
    }

    private static String journal(UInt128 id) {
        java.nio.ByteBuffer bytes =
                java.nio.ByteBuffer.allocate(16).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        CommandCodec.put128(bytes, id);
        return HEX.formatHex(bytes.array());
    }

    /** The case in the same form; fields that are 0 because their event has none are left out. */
    private static Map<String, Object> expected(JsonNode message, Map<String, Object> shown) {
        Map<String, Object> expected = new TreeMap<>();
        message.properties().forEach(field -> {
            if (!field.getKey().equals("kind")) {
                expected.put(field.getKey(), plain(field.getValue()));
            }
        });
        if (shown.get("body") instanceof Map<?, ?> body) {
            Map<Object, Object> wanted = new HashMap<>((Map<?, ?>) expected.get("body"));
            wanted.entrySet().removeIf(entry ->
                    entry.getValue().equals("0") && !body.containsKey(entry.getKey()));
            expected.put("body", wanted);
        }
        return expected;
    }

    private static Object plain(JsonNode node) {
        if (node.isArray()) {
            return StreamSupport.stream(node.spliterator(), false)
                    .map(ConformanceTest::plain).toList();
        } else if (node.isObject()) {
            Map<String, Object> map = new TreeMap<>();
            node.properties().forEach(it -> map.put(it.getKey(), plain(it.getValue())));
            return Collections.unmodifiableMap(map);
        }
        return node.asText();
    }
}
