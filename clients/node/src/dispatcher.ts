/**
 * Batches from the program to a session, and a session to connections.
 *
 * ```text
 *   add, call ──▶ waiting ── room, connected ──▶ session ──▶ link ──▶ engine
 *      ▲          (batches, in order)               │
 *      └────────────────── outcomes ◀───────────────┘
 * ```
 *
 * Invariants
 *
 * * Batches go out in the order in which they were added. Single commands join the last batch that
 *   waits, if it was made for single commands of the same operation, and no other.
 * * Once it has failed it sends nothing more.
 */
import type { Commands } from './commands.js';
import type { Hello } from './decode.js';
import { BATCH_COMMANDS_MAX, BatchBuilder, type History } from './encode.js';
import { ConnectionLost, TooManyWaiting, isTemporary } from './errors.js';
import { Link, checkDoor, tokenOf, type Door } from './link.js';
import type { Op } from './numbers.js';
import { Queue } from './queue.js';
import { Retry } from './retry.js';
import { Session, type Event, type Replayed, type Waiter } from './session.js';

/** How a client reaches an engine, and what it remembers of an earlier life. */
export interface SessionDoor extends Door {
  /**
   * The session's name: then each batch takes effect once, across lost connections, a killed
   * client and a killed engine. A text, or a number of 128 bits.
   */
  session?: string | bigint | number | undefined;
  /** Of the last outcome that was dealt with, as `client.lastSequence` was. */
  lastSequence?: bigint | undefined;
  /** Of the last request that was sent, as `client.lastNumber` was. */
  lastNumber?: bigint | undefined;
  /** Which journal `lastSequence` is from, as `client.history` was; checked if given. */
  history?: History | undefined;
  /** Called with the numbered events of this session's commands; what it throws ends the client. */
  onEvent?: ((event: Event) => void) | undefined;
  /**
   * Called with outcomes of batches that an earlier life of this session had sent; what it throws
   * ends the client.
   */
  onReplayed?: ((replayed: Replayed) => void) | undefined;
  /** How long to try to reach the engine before giving up: 60 seconds. */
  retrySeconds?: number | undefined;
  /** The number of unanswered commands to ask the engine for; left out: its own choice. */
  inFlightCommandsMax?: number | undefined;
  /** How many commands may wait in the client while the engine takes none: 1,000,000. */
  waitingMax?: number | undefined;
}

/** What a dispatcher tells its client. */
export interface DispatcherEvents {
  connected(hello: Hello): void;
  disconnected(error: Error): void;
  closed(error: Error): void;
}

interface Waiting {
  batch: BatchBuilder;
  tag: bigint;
  waiter: Waiter;
  /** The waiters of the single commands that share the batch; `undefined`: none may join it. */
  singles: Waiter[] | undefined;
  sent: (() => void) | undefined;
}

const WAITING_MAX = 1_000_000;
const RETRY_SECONDS = 60;

/** Gives each single command of a batch its outcome. */
function shared(singles: Waiter[]): Waiter {
  return {
    answer: (outcomes) => outcomes.forEach((outcome, at) => singles[at]!.answer([outcome])),
    fail: (error) => singles.forEach((single) => single.fail(error)),
  };
}

export class Dispatcher {
  readonly session: Session;
  waitingCommands = 0;
  private readonly options: SessionDoor;
  private readonly events: DispatcherEvents;
  private readonly waiting = new Queue<Waiting>();
  private readonly retry: Retry;
  private link: Link | undefined;
  /** The engine has greeted the client on this connection. */
  private isOpen = false;
  private failure: Error | undefined;
  private isPumping = false;
  private timer: NodeJS.Timeout | undefined;
  private listeners: (() => void)[] = [];

  constructor(options: SessionDoor, events: DispatcherEvents) {
    checkDoor(options);
    this.options = options;
    this.events = events;
    this.session = new Session({ ...options, name: options.session });
    this.retry = new Retry((options.retrySeconds ?? RETRY_SECONDS) * 1000);
    this.dial();
  }

  /** Adds a batch; `sent` is called when it has gone out. */
  add(batch: BatchBuilder, tag: bigint, waiter: Waiter, sent?: () => void): void {
    this.check(batch.count);
    this.waiting.push({ batch, tag, waiter, singles: undefined, sent });
    this.waitingCommands += batch.count;
    this.pump();
  }

  /** Adds one command, to a batch with its neighbours. */
  addSingle<O extends Op>(op: O, command: Commands[O], waiter: Waiter): void {
    this.check(1);
    const { last } = this.waiting;
    if (last?.singles && last.batch.op === op && last.batch.count < this.batchMax()) {
      last.batch.add(command as never);
      last.singles.push(waiter);
    } else {
      const batch = new BatchBuilder(op);
      batch.add(command);
      const singles = [waiter];
      const waiting = { batch: batch as BatchBuilder, tag: 0n, waiter: shared(singles), singles };
      this.waiting.push({ ...waiting, sent: undefined });
    }
    this.waitingCommands += 1;
    this.pumpLater();
  }

  /** Resolves once a command would go out at once; rejects if none ever will. */
  async room(): Promise<void> {
    await this.until(() => this.isOpen && this.waiting.length === 0 && this.hasRoom(1));
  }

  /** Resolves once the engine has greeted the client. */
  async opened(): Promise<void> {
    await this.until(() => this.isOpen);
  }

  /** Resolves once everything is answered. */
  async idle(): Promise<void> {
    await this.until(() => this.waiting.length === 0 && this.session.underWay === 0);
  }

  /** Ends the connection. What is under way and has a session can be resumed later. */
  close(): void {
    this.fail(new ConnectionLost('the client was closed'));
    this.link?.close();
  }

  private check(count: number): void {
    if (this.failure) throw this.failure;
    const most = this.options.waitingMax ?? WAITING_MAX;
    if (this.waitingCommands > 0 && this.waitingCommands + count > most) {
      throw new TooManyWaiting(`${this.waitingCommands} commands wait; ${most} may`);
    }
  }

  private batchMax(): number {
    return this.session.hello?.batchCommandsMax ?? BATCH_COMMANDS_MAX;
  }

  private hasRoom(count: number): boolean {
    const { underWay, hello } = this.session;
    return underWay === 0 || underWay + count <= (hello?.inFlightCommandsMax ?? 0);
  }

  /** Sends what waits at the end of this turn of the event loop, so that neighbours join. */
  private pumpLater(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    setImmediate(() => {
      this.isPumping = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.isOpen && this.waiting.first && this.hasRoom(this.waiting.first.batch.count)) {
      const { batch, tag, waiter, sent } = this.waiting.shift()!;
      this.waitingCommands -= batch.count;
      this.link?.write(this.session.push(batch, waiter, tag));
      sent?.();
    }
    this.tell();
  }

  /** Waits for a condition that may be true after a change; rejects once it has failed. */
  private async until(isTrue: () => boolean): Promise<void> {
    while (!this.failure && !isTrue()) {
      await new Promise<void>((resolve) => this.listeners.push(resolve));
    }
    if (this.failure) throw this.failure;
  }

  private tell(): void {
    if (this.listeners.length === 0) return;
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener();
  }

  private dial(): void {
    const { token, inFlightCommandsMax = 0 } = this.options;
    const greeting = this.session.greeting(tokenOf(token), inFlightCommandsMax);
    this.link = new Link(this.options, greeting, {
      greeted: (hello) => this.greeted(hello),
      received: (reply) => this.session.receive(reply),
      paused: () => this.pump(),
      ended: (error) => this.ended(error),
    });
  }

  private greeted(hello: Hello): void {
    for (const message of this.session.welcome(hello)) this.link?.write(message);
    this.isOpen = true;
    this.events.connected(hello);
  }

  private ended(error: Error): void {
    if (this.isOpen) this.retry.reset();
    this.isOpen = false;
    this.link = undefined;
    if (this.failure) return;
    const delay = isTemporary(error) ? this.retry.next() : undefined;
    if (delay === undefined) {
      this.fail(error);
      return;
    }
    this.session.connectionEnded();
    this.tell();
    this.timer = setTimeout(() => this.dial(), delay);
    this.events.disconnected(error);
  }

  /** Gives up: whatever is not answered gets `error`. */
  private fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    clearTimeout(this.timer);
    this.session.failAll(error);
    while (this.waiting.first) this.waiting.shift()!.waiter.fail(error);
    this.waitingCommands = 0;
    this.tell();
    this.events.closed(error);
  }
}
