package io.github.ringfence.client;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A {@link Client} whose methods wait for the outcome. For any number of threads. */
public final class BlockingClient {
    private final Client client;
    private final Optional<Duration> timeout;

    BlockingClient(Client client, Optional<Duration> timeout) {
        this.client = client;
        this.timeout = timeout;
    }

    /**
     * The same client, which waits no longer than this.
     *
     * @param timeout how long; then a {@link TimedOutException} is thrown
     * @return the client
     */
    public BlockingClient withTimeout(Duration timeout) {
        return new BlockingClient(client, Optional.of(timeout));
    }

    /**
     * Sends a batch: executed in order, kept whole or not at all.
     *
     * @param commands 1 to 8,192 commands of one operation
     * @return its answers, one for each command
     */
    public List<Answer> execute(List<? extends Command> commands) {
        return await(client.send(commands));
    }

    /**
     * Sends a batch with a tag: executed in order, kept whole or not at all.
     *
     * @param commands 1 to 8,192 commands of one operation
     * @param tag what the client and subscribers want to know the batch by
     * @return its answers, one for each command
     */
    public List<Answer> execute(List<? extends Command> commands, UInt128 tag) {
        return await(client.send(commands, tag));
    }

    /**
     * Sends one command of any kind, which may share a batch with others.
     *
     * @param command the command; not linked: linked ones belong into one batch
     * @return its answer
     */
    public Answer submit(Command command) {
        return await(client.submit(command));
    }

    private <T> T await(CompletableFuture<T> future) {
        client.checkMayWait();
        try {
            return timeout.isPresent()
                    ? future.get(timeout.get().toNanos(), TimeUnit.NANOSECONDS)
                    : future.get();
        } catch (TimeoutException error) {
            throw new TimedOutException("no outcome after " + timeout.get());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new RingfenceException("interrupted before the outcome came", error);
        } catch (ExecutionException error) {
            if (error.getCause() instanceof RingfenceException cause) {
                throw cause;
            }
            throw new RingfenceException("the command failed", error.getCause());
        }
    }

    /**
     * Creates an account.
     *
     * @param account the account
     * @return its outcome, once it is durable
     */
    public Outcome createAccount(Account account) {
        return await(client.createAccount(account));
    }

    /**
     * Moves, reserves, posts or voids money. A refused payment is an outcome too.
     *
     * @param transfer the transfer
     * @return its outcome, once it is durable
     */
    public Outcome transfer(Transfer transfer) {
        return await(client.transfer(transfer));
    }

    /**
     * Looks up an account.
     *
     * @param id its id
     * @return what was found
     */
    public Optional<Account> lookupAccount(UInt128 id) {
        return await(client.lookupAccount(id));
    }

    /**
     * Looks up a transfer.
     *
     * @param id its id
     * @return what was found
     */
    public Optional<FoundTransfer> lookupTransfer(UInt128 id) {
        return await(client.lookupTransfer(id));
    }

    /**
     * Sets the policy of an account.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public Outcome setAccountPolicy(AccountPolicy policy) {
        return await(client.setAccountPolicy(policy));
    }

    /**
     * Sets the policy of a ledger.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public Outcome setLedgerPolicy(LedgerPolicy policy) {
        return await(client.setLedgerPolicy(policy));
    }

    /**
     * Blocks payments from one account to another, or no longer.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public Outcome setPairPolicy(PairPolicy policy) {
        return await(client.setPairPolicy(policy));
    }

    /**
     * Creates a market.
     *
     * @param market the market
     * @return its outcome, once it is durable
     */
    public Outcome createMarket(Market market) {
        return await(client.createMarket(market));
    }

    /**
     * Places an order; see {@link Outcome#order}.
     *
     * @param order the order
     * @return its outcome, once it is durable
     */
    public Outcome placeOrder(Order order) {
        return await(client.placeOrder(order));
    }

    /**
     * Changes an order; see {@link Outcome#order}.
     *
     * @param amendment the change
     * @return its outcome, once it is durable
     */
    public Outcome amendOrder(AmendOrder amendment) {
        return await(client.amendOrder(amendment));
    }

    /**
     * Cancels an order; see {@link Outcome#order}.
     *
     * @param id its id
     * @return its outcome, once it is durable
     */
    public Outcome cancelOrder(UInt128 id) {
        return await(client.cancelOrder(id));
    }

    /**
     * Looks up an order.
     *
     * @param id its id
     * @return what was found
     */
    public Optional<FoundOrder> lookupOrder(UInt128 id) {
        return await(client.lookupOrder(id));
    }

    /**
     * Looks up a market and its best prices.
     *
     * @param id its id, unsigned
     * @return what was found
     */
    public Optional<FoundBook> lookupMarket(int id) {
        return await(client.lookupMarket(id));
    }

    /**
     * Settles what queued payments of a ledger can settle together; see {@link
     * Outcome#resolution}.
     *
     * @param ledger the ledger, unsigned
     * @return its outcome, once it is durable
     */
    public Outcome resolveQueues(int ledger) {
        return await(client.resolveQueues(ledger));
    }

    /**
     * Takes a payment out of its queue.
     *
     * @param id of the payment
     * @return its outcome, once it is durable
     */
    public Outcome cancelQueuedTransfer(UInt128 id) {
        return await(client.cancelQueuedTransfer(id));
    }

    /**
     * Makes a queued payment urgent or not.
     *
     * @param id of the payment
     * @param urgent true: ahead of payments that are not urgent
     * @return its outcome, once it is durable
     */
    public Outcome requeueTransfer(UInt128 id, boolean urgent) {
        return await(client.requeueTransfer(id, urgent));
    }

    /**
     * Looks up what waits in the queue of an account.
     *
     * @param accountId the account
     * @return what was found
     */
    public Optional<FoundQueue> lookupQueue(UInt128 accountId) {
        return await(client.lookupQueue(accountId));
    }
}
