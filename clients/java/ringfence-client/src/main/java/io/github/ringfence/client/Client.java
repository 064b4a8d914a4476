package io.github.ringfence.client;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * A client of a running engine, for any number of threads; it connects again by itself.
 *
 * <pre>{@code
 * try (Client client = Client.builder(Endpoint.of("unix:demo/ringfence.sock"))
 *         .session("billing").open()) {
 *     client.transfer(Transfer.of(10, 1, 2, 500, 978, 1))
 *             .thenAccept(outcome -> System.out.println(outcome.status()));
 * }
 * }</pre>
 *
 * <p>With a session each batch takes effect once, across lost connections, a killed client and a
 * killed engine. Without one, commands whose connection ends get a {@link ConnectionLostException}.
 *
 * <p>Single commands that are sent at about the same time share a batch. A method that sends waits
 * while as many commands are under way as the engine and the client allow. Futures are completed,
 * and callbacks called, in the order of the outcomes on one thread of the client: do not wait on it
 * for anything of the same client. A callback that is slow slows the client, and the engine keeps
 * what it is owed.
 */
public final class Client implements AutoCloseable {
    private final Link link;

    private Client(Link link) {
        this.link = link;
    }

    /**
     * Begins a builder.
     *
     * @param endpoint the engine
     * @return the builder
     */
    public static Builder builder(Endpoint endpoint) {
        return new Builder(endpoint);
    }

    /** Builds a client. */
    public static final class Builder {
        private final Endpoint endpoint;
        private UInt128 session = UInt128.ZERO;
        private long lastSequence;
        private long lastNumber;
        private int inFlightMax = 16 * 1024;
        private Consumer<Event> onEvent;
        private Consumer<Replayed> onReplayed;

        private Builder(Endpoint endpoint) {
            this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
        }

        /**
         * Gives the session a name. One client at a time can hold it: a second one takes it over.
         *
         * @param name the name; see {@link SessionId}
         * @return this builder
         */
        public Builder session(String name) {
            return session(SessionId.of(name));
        }

        /**
         * Gives the session a name.
         *
         * @param id the identity; 0: without a name
         * @return this builder
         */
        public Builder session(UInt128 id) {
            session = id;
            return this;
        }

        /**
         * Says where an earlier life of the session stopped. Store both numbers together with the
         * effects of the outcomes.
         *
         * @param lastSequence as {@link Client#lastSequence} said
         * @param lastNumber as {@link Client#lastNumber} said
         * @return this builder
         */
        public Builder resumeAfter(long lastSequence, long lastNumber) {
            this.lastSequence = lastSequence;
            this.lastNumber = lastNumber;
            return this;
        }

        /**
         * Limits the commands that are not answered. The engine's own limit holds too.
         *
         * @param commands at least 1; 16,384 by default
         * @return this builder
         */
        public Builder inFlightMax(int commands) {
            if (commands < 1) {
                throw new IllegalArgumentException("at least one command must be under way");
            }
            inFlightMax = commands;
            return this;
        }

        /**
         * Asks for the numbered events of this session's commands.
         *
         * @param callback gets them, in order
         * @return this builder
         */
        public Builder onEvent(Consumer<Event> callback) {
            onEvent = callback;
            return this;
        }

        /**
         * Asks for answers to batches of an earlier life that were not dealt with.
         *
         * @param callback gets them, in order
         * @return this builder
         */
        public Builder onReplayed(Consumer<Replayed> callback) {
            onReplayed = callback;
            return this;
        }

        /**
         * Makes the client and waits until the engine has greeted it.
         *
         * @return the client
         * @throws RingfenceException if the engine cannot be reached, or refuses the client
         */
        public Client open() {
            Client client = start();
            try {
                client.link.awaitConnected();
            } catch (RingfenceException error) {
                client.close();
                throw error;
            }
            return client;
        }

        /**
         * Makes the client and returns at once; it connects meanwhile.
         *
         * @return the client
         */
        public Client start() {
            Session state =
                    new Session(session, lastSequence, lastNumber, onEvent, onReplayed);
            Link link = new Link(endpoint, state, inFlightMax);
            link.start();
            return new Client(link);
        }
    }

    /**
     * The same client with methods that wait.
     *
     * @return the client
     */
    public BlockingClient blocking() {
        return new BlockingClient(this, Optional.empty());
    }

    /**
     * Ends the connection. Futures that are not complete get a {@link ConnectionLostException};
     * what is under way and has a session can be resumed later.
     */
    @Override
    public void close() {
        link.close();
    }

    /**
     * True while the engine is there.
     *
     * @return whether there is a connection now
     */
    public boolean isConnected() {
        return link.isConnected();
    }

    /**
     * Why the client has given up for good, if it has.
     *
     * @return the reason
     */
    public Optional<RingfenceException> failure() {
        return link.failure();
    }

    /**
     * What the engine said of itself, once it has.
     *
     * @return the engine
     */
    public Optional<EngineInfo> engine() {
        return link.engine();
    }

    /**
     * Commands that are not answered.
     *
     * @return how many there are
     */
    public int inFlight() {
        return link.underWay();
    }

    /**
     * Sequence of the last outcome that came.
     *
     * @return the sequence, unsigned
     */
    public long lastSequence() {
        return link.lastSequence();
    }

    /**
     * Number of the last request.
     *
     * @return the number, unsigned
     */
    public long lastNumber() {
        return link.lastNumber();
    }

    /**
     * Sends one command, which may share a batch with others.
     *
     * @param command the command; not linked: linked ones belong into one batch
     * @return its answer, once it is durable
     */
    public CompletableFuture<Answer> submit(Command command) {
        if (Submission.Single.isLinked(command)) {
            throw new IllegalArgumentException("a linked command is sent in a batch");
        }
        CompletableFuture<Answer> future = new CompletableFuture<>();
        link.submit(new Submission.Single(command, future));
        return future;
    }

    /**
     * Sends a batch: executed in order, kept whole or not at all.
     *
     * @param commands 1 to 8,192 commands of one operation
     * @return its answers, one for each command, once all are durable
     */
    public CompletableFuture<List<Answer>> send(List<? extends Command> commands) {
        return send(commands, UInt128.ZERO);
    }

    /**
     * Sends a batch with a tag: executed in order, kept whole or not at all.
     *
     * @param commands 1 to 8,192 commands of one operation
     * @param tag what the client and subscribers want to know the batch by
     * @return its answers, one for each command, once all are durable
     */
    public CompletableFuture<List<Answer>> send(List<? extends Command> commands, UInt128 tag) {
        List<? extends Command> copy = List.copyOf(commands);
        if (copy.isEmpty() || copy.size() > Messages.BATCH_COMMANDS_MAX) {
            throw new IllegalArgumentException("a batch has 1 to " + Messages.BATCH_COMMANDS_MAX
                    + " commands, not " + copy.size());
        }
        Op op = copy.get(0).op();
        if (copy.stream().anyMatch(command -> command.op() != op)) {
            throw new IllegalArgumentException("the commands of a batch are of one operation");
        }
        CompletableFuture<List<Answer>> future = new CompletableFuture<>();
        link.submit(new Submission.Batch(copy, Objects.requireNonNull(tag, "tag"), future));
        return future;
    }

    /** Throws on the thread that completes futures: whoever waits there waits for ever. */
    void checkMayWait() {
        if (link.isOnReader()) {
            throw new IllegalStateException("a callback must not wait for an outcome");
        }
    }

    private CompletableFuture<Outcome> outcome(Command command) {
        return submit(command).thenApply(Answer::outcome);
    }

    private <B extends Body> CompletableFuture<Optional<B>> found(Command command, Class<B> type) {
        return submit(command).thenApply(answer -> answer.body(type));
    }

    private static Optional<FoundBook> book(Answer answer) {
        List<Body> bodies = answer.bodies();
        return answer.body(FoundMarket.class).map(market -> new FoundBook(
                market, ((Levels) bodies.get(1)).levels(), ((Levels) bodies.get(2)).levels()));
    }

    /**
     * Creates an account.
     *
     * @param account the account
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> createAccount(Account account) {
        return outcome(account);
    }

    /**
     * Moves, reserves, posts or voids money. A refused payment is an outcome too.
     *
     * @param transfer the transfer
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> transfer(Transfer transfer) {
        return outcome(transfer);
    }

    /**
     * Looks up an account.
     *
     * @param id its id
     * @return what was found
     */
    public CompletableFuture<Optional<Account>> lookupAccount(UInt128 id) {
        return found(new LookupAccount(id), Account.class);
    }

    /**
     * Looks up a transfer.
     *
     * @param id its id
     * @return what was found
     */
    public CompletableFuture<Optional<FoundTransfer>> lookupTransfer(UInt128 id) {
        return found(new LookupTransfer(id), FoundTransfer.class);
    }

    /**
     * Sets the policy of an account.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> setAccountPolicy(AccountPolicy policy) {
        return outcome(policy);
    }

    /**
     * Sets the policy of a ledger.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> setLedgerPolicy(LedgerPolicy policy) {
        return outcome(policy);
    }

    /**
     * Blocks payments from one account to another, or no longer.
     *
     * @param policy the policy
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> setPairPolicy(PairPolicy policy) {
        return outcome(policy);
    }

    /**
     * Creates a market.
     *
     * @param market the market
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> createMarket(Market market) {
        return outcome(market);
    }

    /**
     * Places an order; see {@link Outcome#order}.
     *
     * @param order the order
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> placeOrder(Order order) {
        return outcome(order);
    }

    /**
     * Changes an order; see {@link Outcome#order}.
     *
     * @param amendment the change
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> amendOrder(AmendOrder amendment) {
        return outcome(amendment);
    }

    /**
     * Cancels an order; see {@link Outcome#order}.
     *
     * @param id its id
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> cancelOrder(UInt128 id) {
        return outcome(new CancelOrder(id));
    }

    /**
     * Looks up an order.
     *
     * @param id its id
     * @return what was found
     */
    public CompletableFuture<Optional<FoundOrder>> lookupOrder(UInt128 id) {
        return found(new LookupOrder(id), FoundOrder.class);
    }

    /**
     * Looks up a market and its best prices.
     *
     * @param id its id, unsigned
     * @return what was found
     */
    public CompletableFuture<Optional<FoundBook>> lookupMarket(int id) {
        return submit(new LookupMarket(UInt128.of(Integer.toUnsignedLong(id))))
                .thenApply(Client::book);
    }

    /**
     * Settles what queued payments of a ledger can settle together; see {@link
     * Outcome#resolution}.
     *
     * @param ledger the ledger, unsigned
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> resolveQueues(int ledger) {
        return outcome(new ResolveQueues(ledger));
    }

    /**
     * Takes a payment out of its queue.
     *
     * @param id of the payment
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> cancelQueuedTransfer(UInt128 id) {
        return outcome(new CancelQueuedTransfer(id));
    }

    /**
     * Makes a queued payment urgent or not.
     *
     * @param id of the payment
     * @param urgent true: ahead of payments that are not urgent
     * @return its outcome, once it is durable
     */
    public CompletableFuture<Outcome> requeueTransfer(UInt128 id, boolean urgent) {
        return outcome(new RequeueTransfer(id, urgent));
    }

    /**
     * Looks up what waits in the queue of an account.
     *
     * @param accountId the account
     * @return what was found
     */
    public CompletableFuture<Optional<FoundQueue>> lookupQueue(UInt128 accountId) {
        return found(new LookupQueue(accountId), FoundQueue.class);
    }
}
