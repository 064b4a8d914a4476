/** A client of a running engine: sends commands, looks up, listens. */
import type { Account, MarketFound, OrderFound, Queue, Transfer } from './bodies.js';
import {
  dependsOnBatch, type AmendOrder, type Commands, type CreateAccount, type CreateMarket,
  type CreateTransfer, type PlaceOrder, type SetAccountPolicy, type SetLedgerPolicy,
  type SetPairPolicy,
} from './commands.js';
import type { Hello } from './decode.js';
import { Dispatcher, type SessionDoor } from './dispatcher.js';
import { TypedEmitter } from './emitter.js';
import { batchOf, type BatchBuilder, type History } from './encode.js';
import { ConnectionLost } from './errors.js';
import { bigOf, type Integer } from './integers.js';
import type { Op } from './numbers.js';
import type { Found, Founds, Outcome } from './outcome.js';
import { streamed } from './stream.js';
import {
  Subscription, isMessageEvent, type SubscribeOptions, type SubscriptionEvents,
} from './subscription.js';

/** How a client reaches an engine, what it remembers of an earlier life, and what it follows. */
export interface ClientOptions extends SessionDoor {
  /** What `client.on('settled', …)` and its like follow: from now on, unless this says more. */
  follow?: SubscribeOptions | undefined;
}

/** A batch that is on its way. */
export interface Sent<O extends Op> {
  /** Its outcomes, one for each command. */
  outcomes: Promise<Outcome<O>[]>;
}

/** What a client emits: what its subscription tells, and these. */
export interface ClientEvents extends SubscriptionEvents {
  /** The engine has greeted the client, for the first time or again. */
  connected: Hello;
  /** The connection has ended; the client tries to connect again. */
  disconnected: Error;
  /** The client has given up, or was closed. */
  closed: Error;
}

/**
 * A client of a running engine, which connects again by itself. Made by `Client.connect`.
 *
 * Commands take effect in the order of the calls. Single commands of one operation that are called
 * one after the other in one turn of the event loop share a batch. A refused command is an outcome,
 * not an error.
 */
export class Client extends TypedEmitter<ClientEvents> {
  private readonly options: ClientOptions;
  private readonly dispatcher: Dispatcher;
  private readonly subscriptions = new Set<Subscription>();
  private followed: Subscription | undefined;

  private constructor(options: ClientOptions) {
    super();
    this.options = options;
    this.dispatcher = new Dispatcher(options, {
      connected: (hello) => this.emit('connected', hello),
      disconnected: (error) => this.emit('disconnected', error),
      closed: (error) => this.emit('closed', error),
    });
    this.on('newListener' as never, ((event: string) => this.listened(event)) as never);
  }

  /**
   * Connects to an engine at `unix:PATH` or `HOST:PORT`.
   *
   * Rejects with what stands in the way: `Refused` and its kinds or, after `retrySeconds`, the
   * error of the last attempt.
   */
  static async connect(
    address: string | ClientOptions,
    options: Omit<ClientOptions, 'address'> = {},
  ): Promise<Client> {
    const client = new Client(typeof address === 'string' ? { ...options, address } : address);
    await client.dispatcher.opened();
    return client;
  }

  /** Sequence of the last outcome that came. Store it with the effects of the outcomes. */
  get lastSequence(): bigint {
    return this.dispatcher.session.lastSequence;
  }

  /** Number of the last request. Store it with `lastSequence`. */
  get lastNumber(): bigint {
    return this.dispatcher.session.lastNumber;
  }

  /** Which journal the engine has. */
  get history(): History | undefined {
    return this.dispatcher.session.history;
  }

  /** What the engine said of itself when it last greeted the client. */
  get hello(): Hello {
    const { hello } = this.dispatcher.session;
    if (!hello) throw new ConnectionLost('not connected yet');
    return hello;
  }

  /** Commands that are not answered, those that still wait in the client included. */
  get unanswered(): number {
    return this.dispatcher.session.underWay + this.dispatcher.waitingCommands;
  }

  /**
   * Sends a batch and returns its outcomes, one for each command: 1 to 8,192 commands, executed
   * in order, kept whole or not at all. `tag`, 128 bits, is shown to subscribers.
   */
  async execute<O extends Op>(
    op: O,
    commands: readonly Commands[O][],
    { tag = 0n }: { tag?: Integer } = {},
  ): Promise<Outcome<O>[]> {
    return this.enqueue(batchOf(op, commands), tag);
  }

  /** As `execute`, but resolves when the batch goes out: so a program sends no faster than that. */
  async send<O extends Op>(
    op: O,
    commands: readonly Commands[O][],
    { tag = 0n }: { tag?: Integer } = {},
  ): Promise<Sent<O>> {
    const batch = batchOf(op, commands);
    return new Promise((resolve, reject) => {
      let isSent = false;
      const outcomes = this.enqueue(batch, tag, () => {
        isSent = true;
        // It may go out at once, before `outcomes` is known here.
        queueMicrotask(() => resolve({ outcomes }));
      });
      outcomes.catch((error: Error) => {
        if (!isSent) reject(error);
      });
    });
  }

  private enqueue<O extends Op>(
    batch: BatchBuilder<O>,
    tag: Integer,
    sent?: () => void,
  ): Promise<Outcome<O>[]> {
    const checked = bigOf(tag, 16, 'tag');
    return new Promise((resolve, reject) => {
      const waiter = { answer: resolve as (outcomes: Outcome[]) => void, fail: reject };
      this.dispatcher.add(batch as unknown as BatchBuilder, checked, waiter, sent);
    });
  }

  /** Sends one command; those that are called next to it share its batch. */
  async call<O extends Op>(op: O, command: Commands[O]): Promise<Outcome<O>> {
    // A chain or an import is told from its neighbours by its batch.
    if (dependsOnBatch(op, command)) return (await this.execute(op, [command]))[0]!;
    return new Promise((resolve, reject) => {
      const answer = ([outcome]: Outcome[]) => resolve(outcome as Outcome<O>);
      this.dispatcher.addSingle(op, command, { answer, fail: reject });
    });
  }

  /**
   * Sends single commands as they come from `source`, and yields their outcomes in order. No more
   * commands are taken from `source` than the engine allows to be unanswered.
   */
  stream<O extends Op>(
    op: O,
    source: Iterable<Commands[O]> | AsyncIterable<Commands[O]>,
  ): AsyncGenerator<Outcome<O>, void, undefined> {
    const most = this.hello.inFlightCommandsMax;
    return streamed(source, (command) => this.call(op, command), most);
  }

  /** Resolves once a further command would go out at once: back-pressure for single calls. */
  room(): Promise<void> {
    return this.dispatcher.room();
  }

  /** Resolves once everything that was sent is answered. */
  drain(): Promise<void> {
    return this.dispatcher.idle();
  }

  /** Moves, reserves, posts or voids money. */
  transfer(transfer: CreateTransfer): Promise<Outcome<'create_transfer'>> {
    return this.call('create_transfer', transfer);
  }

  createAccount(account: CreateAccount): Promise<Outcome<'create_account'>> {
    return this.call('create_account', account);
  }

  setAccountPolicy(policy: SetAccountPolicy): Promise<Outcome<'set_account_policy'>> {
    return this.call('set_account_policy', policy);
  }

  setLedgerPolicy(policy: SetLedgerPolicy): Promise<Outcome<'set_ledger_policy'>> {
    return this.call('set_ledger_policy', policy);
  }

  setPairPolicy(policy: SetPairPolicy): Promise<Outcome<'set_pair_policy'>> {
    return this.call('set_pair_policy', policy);
  }

  createMarket(market: CreateMarket): Promise<Outcome<'create_market'>> {
    return this.call('create_market', market);
  }

  placeOrder(order: PlaceOrder): Promise<Outcome<'place_order'>> {
    return this.call('place_order', order);
  }

  amendOrder(amendment: AmendOrder): Promise<Outcome<'amend_order'>> {
    return this.call('amend_order', amendment);
  }

  cancelOrder(id: Integer): Promise<Outcome<'cancel_order'>> {
    return this.call('cancel_order', { id });
  }

  /** Settles what queued payments of a ledger can settle together. */
  resolveQueues(ledger: number): Promise<Outcome<'resolve_queues'>> {
    return this.call('resolve_queues', { ledger });
  }

  /** Takes a payment out of its queue. */
  cancelQueuedTransfer(id: Integer): Promise<Outcome<'cancel_queued_transfer'>> {
    return this.call('cancel_queued_transfer', { id });
  }

  /** Makes a queued payment urgent or not. */
  requeueTransfer(id: Integer, urgent: boolean): Promise<Outcome<'requeue_transfer'>> {
    return this.call('requeue_transfer', { id, urgent });
  }

  /** The account as it is, or `undefined` if there is none. */
  lookupAccount(id: Integer): Promise<Account | undefined> {
    return this.find('lookup_account', { id });
  }

  /** The transfer as it is, or `undefined` if there is none. */
  lookupTransfer(id: Integer): Promise<Transfer | undefined> {
    return this.find('lookup_transfer', { id });
  }

  /** The order as it is, or `undefined` if there is none. */
  lookupOrder(id: Integer): Promise<OrderFound | undefined> {
    return this.find('lookup_order', { id });
  }

  /** The market and its best prices, or `undefined` if there is none. */
  lookupMarket(id: Integer): Promise<MarketFound | undefined> {
    return this.find('lookup_market', { id });
  }

  /** What waits in the queue of an account, or `undefined` if there is no such account. */
  lookupQueue(accountId: Integer): Promise<Queue | undefined> {
    return this.find('lookup_queue', { account_id: accountId });
  }

  private async find<O extends keyof Founds>(
    op: O,
    command: Commands[O],
  ): Promise<Founds[O] | undefined> {
    const outcome = await this.call(op, command);
    return outcome.found as (Found<O> & Founds[O]) | undefined;
  }

  /**
   * Follows what happens in the engine, over a connection of its own: iterate over it, or listen
   * to it.
   */
  subscribe(options: SubscribeOptions = {}): Subscription {
    const { address, token, tls, retrySeconds } = this.options;
    const all = retrySeconds === undefined ? options : { retrySeconds, ...options };
    const subscription = new Subscription({ address, token, tls }, all);
    this.subscriptions.add(subscription);
    subscription.once('ended', () => this.subscriptions.delete(subscription));
    return subscription;
  }

  /** Follows what `follow` says as soon as somebody listens for messages. */
  private listened(event: string): void {
    if (!isMessageEvent(event) || this.followed) return;
    this.followed = this.subscribe(this.options.follow);
    this.followed.relayTo(this as unknown as TypedEmitter<SubscriptionEvents>);
  }

  /** The subscription behind `client.on('settled', …)`: its `position`, `acknowledge`. */
  get following(): Subscription | undefined {
    return this.followed;
  }

  /**
   * Ends the connection and the subscriptions. What is under way and has a session can be resumed
   * later.
   */
  async close(): Promise<void> {
    for (const subscription of this.subscriptions) subscription.close();
    this.dispatcher.close();
  }
}
