package io.github.ringfence.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Numbers: those of 128 bits, and those of the protocol's tables. */
class NumbersTest {
    private static Map<Integer, String> table(String row) throws IOException {
        return table("# Binary protocol", row);
    }

    /** The rows behind a heading: number and name. */
    private static Map<Integer, String> table(String heading, String row) throws IOException {
        String whole = Files.readString(TestEngine.ROOT.resolve("docs/protocol.md"));
        String page = whole.substring(whole.indexOf(heading));
        return Pattern.compile(row, Pattern.MULTILINE).matcher(page).results().collect(
                Collectors.toMap(
                        it -> Integer.valueOf(it.group(1)), NumbersTest::name, (a, b) -> a,
                        TreeMap::new));
    }

    private static String name(MatchResult row) {
        return row.group(2).toUpperCase();
    }

    private static <E extends Enum<E> & Numbered> Map<Integer, String> values(
            E[] values, Function<E, String> name) {
        return Stream.of(values)
                .collect(Collectors.toMap(Numbered::number, name, (a, b) -> a, TreeMap::new));
    }

    @Test
    void statuses_are_those_of_the_page() throws IOException {
        String row = "^\\| (\\d+) \\| `(\\w+)` \\| (?:yes)? ?\\|";
        assertEquals(table(row), values(Status.values(), Status::name));
        String spends = "^\\| (\\d+) \\| `(\\w+)` \\| yes \\|";
        Map<Integer, String> spending = values(Status.values(), Status::name);
        spending.keySet().removeIf(number -> !Status.of(number).spendsId());
        assertEquals(table(spends), spending);
    }

    @Test
    void operations_and_events_are_those_of_the_page() throws IOException {
        String row = "^\\| (\\d+) \\| `(\\w+)` \\| (?!yes )[a-z][^|]* \\| ";
        Map<Integer, String> ops = values(Op.values(), Op::name);
        assertEquals(ops, table(row));
        Map<Integer, String> events = table("## Kind 4", "^\\| (\\d+) \\| `(\\w+)` \\|");
        values(EventKind.values(), EventKind::name).forEach((number, name) ->
                assertEquals(name, events.get(number)));
    }

    @Test
    void numbers_of_128_bits_survive_every_form() {
        String[] cases = {
            "0", "1", "18446744073709551615", "18446744073709551616",
            "340282366920938463463374607431768211455",
        };
        for (String text : cases) {
            UInt128 number = UInt128.parse(text);
            assertEquals(text, number.toString());
            assertEquals(new BigInteger(text), number.toBigInteger());
            assertEquals(number, UInt128.of(number.toBigInteger()));
        }
        UUID uuid = UUID.fromString("00000000-0000-0001-8000-000000000002");
        assertEquals(new UInt128(1, Long.MIN_VALUE + 2), UInt128.of(uuid));
        assertThrows(IllegalArgumentException.class, () -> UInt128.of(-1));
        assertThrows(IllegalArgumentException.class, () -> UInt128.parse("-1"));
        assertThrows(IllegalArgumentException.class,
                () -> UInt128.of(BigInteger.ONE.shiftLeft(128)));
        assertThrows(ArithmeticException.class, () -> UInt128.MAX.toLongExact());
    }

    @Test
    void numbers_of_128_bits_are_ordered_without_a_sign() {
        UInt128[] rising = {
            UInt128.ZERO, UInt128.of(1), new UInt128(0, -1), new UInt128(1, 0), UInt128.MAX,
        };
        for (int at = 1; at < rising.length; at++) {
            assertEquals(-1, Integer.signum(rising[at - 1].compareTo(rising[at])));
        }
    }

    @Test
    void the_identity_of_a_session_is_made_from_its_name() {
        // SHA-256 of "billing" begins with these bytes, the lowest first.
        BigInteger hash = new BigInteger(1, sha256("billing"));
        assertEquals(hash, SessionId.of("billing").toBigInteger());
    }

    private static byte[] sha256(String text) {
        try {
            byte[] hash = java.security.MessageDigest.getInstance("SHA-256")
                    .digest(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
            byte[] first = new byte[16];
            for (int at = 0; at < 16; at++) {
                first[at] = hash[15 - at];
            }
            return first;
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new AssertionError(error);
        }
    }

    @Test
    void a_position_survives_as_text() {
        Position position = new Position(UInt128.MAX, -1, -2);
        assertEquals(position, Position.parse(position.toString() + "\n"));
        assertThrows(IllegalArgumentException.class, () -> Position.parse("1:2"));
    }
}
