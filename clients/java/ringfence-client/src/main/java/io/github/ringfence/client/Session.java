package io.github.ringfence.client;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a client keeps of its session: requests without an answer, and where the answers stopped.
 *
 * <pre>
 *   push ──▶ under way ── receive ──▶ answered
 *                │ connection ends
 *                └─ welcome: up to last_request nothing is sent again, the rest is
 * </pre>
 *
 * <p>Does no I/O and calls nobody: what is to be told is collected for {@link #takeTold}. Not safe
 * for several threads at once.
 */
final class Session {
    /** Whoever gets the answers to a request. */
    interface Receiver {
        void answered(List<Answer> answers);

        void failed(RingfenceException error);
    }

    /** A batch that is under way. */
    private static final class Request {
        final long number;
        final int count;
        final byte[] message;
        final Receiver receiver;
        final List<Answer> answers;

        Request(long number, int count, byte[] message, Receiver receiver) {
            this.number = number;
            this.count = count;
            this.message = message;
            this.receiver = receiver;
            answers = new ArrayList<>(count);
        }
    }

    private final UInt128 id;
    private final Consumer<Event> onEvent;
    private final Consumer<Replayed> onReplayed;
    private final Deque<Request> pending = new ArrayDeque<>();
    private List<Runnable> told = new ArrayList<>();
    private int underWay;
    private long lastSequence;
    private long lastNumber;
    private EngineInfo engine;
    private List<Body> bodies = List.of();
    private long bodiesOf;
    private long lastEvent;
    private Origin origin;
    private List<Answer> replayed = new ArrayList<>();

    /** Begins with the last outcome that was dealt with, and the last number that was used. */
    Session(
            UInt128 id, long lastSequence, long lastNumber, Consumer<Event> onEvent,
            Consumer<Replayed> onReplayed) {
        this.id = id;
        this.lastSequence = lastSequence;
        this.lastNumber = lastNumber;
        this.onEvent = onEvent;
        this.onReplayed = onReplayed;
    }

    private static boolean isAfter(long one, long other) {
        return Long.compareUnsigned(one, other) > 0;
    }

    boolean hasName() {
        return !id.isZero();
    }

    long lastSequence() {
        return lastSequence;
    }

    long lastNumber() {
        return lastNumber;
    }

    /** What the engine said of itself, or null. */
    EngineInfo engine() {
        return engine;
    }

    /** Commands that are not answered. */
    int underWay() {
        return underWay;
    }

    /** What is to be told since the last call, in order; the caller runs it without a lock. */
    List<Runnable> takeTold() {
        List<Runnable> taken = told;
        told = taken.isEmpty() ? taken : new ArrayList<>();
        return taken;
    }

    /** The hello for a new connection. */
    byte[] greeting(byte[] token, int inFlightCommandsMax) {
        boolean isKnown = hasName() && engine != null;
        return Messages.hello(new Messages.Hello(
                inFlightCommandsMax,
                id,
                isKnown ? engine.journal() : UInt128.ZERO,
                hasName() ? lastSequence : 0,
                isKnown ? engine.epoch() : 0,
                0,
                // Until an outcome has come, nothing says that the engine knows the session.
                hasName() && lastSequence != 0,
                onEvent != null,
                token));
    }

    /** Takes the engine's hello, and returns what is to be sent again. */
    List<byte[]> welcome(Reply.Greeting hello) {
        if (engine != null && hasName() && !engine.hasSameHistoryAs(hello.info())) {
            throw new OtherHistoryException(
                    "the engine at this address has another history than before");
        }
        engine = hello.info();
        if (!hasName()) {
            return List.of();
        }
        if (isAfter(hello.lastRequest(), lastNumber)) {
            lastNumber = hello.lastRequest();
        }
        boolean nothingComes = !isAfter(hello.lastSequence(), hello.resumesAfter());
        if (nothingComes && isAfter(hello.lastSequence(), lastSequence)) {
            loseUpTo(hello.lastRequest());
            lastSequence = hello.lastSequence();
        }
        return pending.stream()
                .filter(request -> isAfter(request.number, hello.lastRequest()))
                .map(request -> request.message)
                .toList();
    }

    /** Adds a batch, and returns what is to be sent. */
    byte[] push(List<? extends Command> commands, UInt128 tag, Receiver receiver) {
        long number = hasName() ? lastNumber + 1 : 0;
        byte[] message = Messages.batch(commands, number, tag);
        lastNumber = number;
        // Without a name nothing is sent again, and the bytes need not be kept.
        byte[] kept = hasName() ? message : null;
        pending.add(new Request(number, commands.size(), kept, receiver));
        underWay += commands.size();
        return message;
    }

    /** Forgets what belongs to a connection; without a name, what is under way is unknown. */
    void connectionEnded() {
        origin = null;
        replayed = new ArrayList<>();
        bodies = List.of();
        if (!hasName()) {
            failAll(new ConnectionLostException(
                    "the connection ended before the outcome came, in a session without a name"));
        }
    }

    /** Takes a message that came after the hello. */
    void receive(Reply reply) {
        if (reply instanceof Reply.Outcomes outcomes) {
            for (Outcome outcome : outcomes.outcomes()) {
                List<Body> found = bodiesOf == outcome.sequence() ? bodies : List.of();
                bodies = List.of();
                answer(new Answer(outcome, found));
            }
        } else if (reply instanceof Reply.Told event) {
            event(event.event());
        } else if (reply instanceof Reply.Begun begun) {
            origin = begun.origin();
            replayed = new ArrayList<>();
            // What came before this batch and is not whole can no longer be had.
            loseUpTo(origin.number() - 1);
        } else if (!(reply instanceof Reply.Heartbeat)) {
            throw new ProtocolException("a message that has no place here: " + reply);
        }
    }

    private void event(Event event) {
        if (!event.kind().isNumbered()) {
            if (bodiesOf != event.sequence() || bodies.isEmpty()) {
                bodies = new ArrayList<>();
                bodiesOf = event.sequence();
            }
            bodies.add(event.body());
        } else if (isAfter(event.number(), lastEvent)) {
            lastEvent = event.number();
            if (onEvent != null) {
                told.add(() -> onEvent.accept(event));
            }
        }
    }

    private void answer(Answer answer) {
        long sequence = answer.outcome().sequence();
        if (hasName() && !isAfter(sequence, lastSequence)) {
            return;
        }
        lastSequence = sequence;
        Request first = pending.peek();
        if (origin != null && isAfter(origin.firstSequence() + origin.commands(), sequence)) {
            if (first == null || first.number != origin.number()) {
                replay(answer);
                return;
            }
            if (first.answers.size() != sequence - origin.firstSequence()) {
                // The first of its outcomes are missing.
                loseUpTo(origin.number());
                return;
            }
        }
        if (first == null) {
            throw new ProtocolException("an outcome without a request: " + answer.outcome());
        }
        first.answers.add(answer);
        underWay--;
        if (first.answers.size() == first.count) {
            pending.remove();
            told.add(() -> first.receiver.answered(first.answers));
        }
    }

    /** Collects an answer to a batch of an earlier life, or to one that was given up. */
    private void replay(Answer answer) {
        replayed.add(answer);
        long last = origin.firstSequence() + origin.commands() - 1;
        if (answer.outcome().sequence() == last && onReplayed != null) {
            Replayed whole = new Replayed(origin.number(), origin.tag(), replayed);
            told.add(() -> onReplayed.accept(whole));
        }
    }

    private void loseUpTo(long number) {
        while (!pending.isEmpty() && !isAfter(pending.peek().number, number)) {
            failFirst(new OutcomesLostException(
                    "the batch was executed, but its outcomes can no longer be had"));
        }
    }

    private void failFirst(RingfenceException error) {
        Request request = pending.remove();
        underWay -= request.count - request.answers.size();
        told.add(() -> request.receiver.failed(error));
    }

    /** Gives up: everything under way gets {@code error}. */
    void failAll(RingfenceException error) {
        while (!pending.isEmpty()) {
            failFirst(error);
        }
    }
}
