package io.github.ringfence.spring;

import io.github.ringfence.client.Account;
import io.github.ringfence.client.Answer;
import io.github.ringfence.client.BlockingClient;
import io.github.ringfence.client.Body;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Command;
import io.github.ringfence.client.FoundOrder;
import io.github.ringfence.client.FoundQueue;
import io.github.ringfence.client.FoundTransfer;
import io.github.ringfence.client.LookupAccount;
import io.github.ringfence.client.LookupOrder;
import io.github.ringfence.client.LookupQueue;
import io.github.ringfence.client.LookupTransfer;
import io.github.ringfence.client.Op;
import io.github.ringfence.client.Order;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.RingfenceException;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.UInt128;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Pays, looks up and sends any other command, and waits for the outcome. A refused payment is an
 * outcome; what is thrown is a {@link RingfenceException}. For any number of threads, whose single
 * commands share batches.
 */
public class RingfenceTemplate {
    private final Client client;
    private final BlockingClient blocking;
    private final CommandObserver observer;

    /**
     * Sends through this client.
     *
     * @param client the client
     * @param timeout how long to wait for an outcome
     * @param observer is told how long each command took
     */
    public RingfenceTemplate(Client client, Duration timeout, CommandObserver observer) {
        this.client = client;
        this.blocking = client.blocking().withTimeout(timeout);
        this.observer = observer;
    }

    /**
     * The client, whose methods return futures.
     *
     * @return the client
     */
    public Client client() {
        return client;
    }

    /**
     * Sends one command of any kind.
     *
     * @param command the command
     * @return its answer, durable
     */
    public Answer send(Command command) {
        return timed(
                command.op(), () -> blocking.submit(command), answer -> answer.status().name());
    }

    /**
     * Sends a batch: executed in order, kept whole or not at all.
     *
     * @param commands 1 to 8,192 commands of one operation
     * @return their answers, durable
     */
    public List<Answer> execute(List<? extends Command> commands) {
        if (commands.isEmpty()) {
            throw new IllegalArgumentException("a batch has at least one command");
        }
        return timed(
                commands.get(0).op(), () -> blocking.execute(commands), answers -> "BATCH");
    }

    private <T> T timed(Op op, Supplier<T> call, Function<T, String> result) {
        long start = System.nanoTime();
        try {
            T answer = call.get();
            observer.done(op, result.apply(answer), System.nanoTime() - start);
            return answer;
        } catch (RingfenceException error) {
            observer.done(op, error.getClass().getSimpleName(), System.nanoTime() - start);
            throw error;
        }
    }

    /**
     * Moves, reserves, posts or voids money.
     *
     * @param transfer the transfer
     * @return its outcome, durable; look at its status
     */
    public Outcome transfer(Transfer transfer) {
        return send(transfer).outcome();
    }

    /**
     * Creates an account.
     *
     * @param account the account
     * @return its outcome, durable
     */
    public Outcome createAccount(Account account) {
        return send(account).outcome();
    }

    /**
     * Places an order.
     *
     * @param order the order
     * @return its outcome, durable; see {@link Outcome#order}
     */
    public Outcome placeOrder(Order order) {
        return send(order).outcome();
    }

    /**
     * Looks up an account.
     *
     * @param id its id
     * @return the account
     */
    public Optional<Account> account(UInt128 id) {
        return found(new LookupAccount(id), Account.class);
    }

    /**
     * Looks up a transfer.
     *
     * @param id its id
     * @return the transfer
     */
    public Optional<FoundTransfer> findTransfer(UInt128 id) {
        return found(new LookupTransfer(id), FoundTransfer.class);
    }

    /**
     * Looks up an order.
     *
     * @param id its id
     * @return the order
     */
    public Optional<FoundOrder> order(UInt128 id) {
        return found(new LookupOrder(id), FoundOrder.class);
    }

    /**
     * Looks up what waits in the queue of an account.
     *
     * @param accountId the account
     * @return the queue
     */
    public Optional<FoundQueue> queue(UInt128 accountId) {
        return found(new LookupQueue(accountId), FoundQueue.class);
    }

    private <B extends Body> Optional<B> found(Command command, Class<B> type) {
        return send(command).body(type);
    }
}
