/**
 * A session's state across connections. Nothing here does I/O.
 *
 * ```text
 *   hello ──▶ welcome: drop what the engine has taken in, send the rest ──▶ batches, outcomes
 *     ▲                                                                         │
 *     └──────────────────── the connection ends ◀───────────────────────────────┘
 * ```
 *
 * Invariants
 *
 * * `pending` holds, in the order of their numbers, the batches that were sent and are not answered
 *   in full. In a session with a name they keep their bytes, which never change.
 * * Each batch is answered or fails once.
 */
import type { Bodies } from './bodies.js';
import type { Hello, Origin, RawEvent, Reply } from './decode.js';
import { sessionId, hello as helloBytes, type BatchBuilder, type History } from './encode.js';
import { ConnectionLost, OutcomesLost, ProtocolError, historyChanged } from './errors.js';
import { EVENT_KINDS, type EventKind } from './numbers.js';
import { FoundBodies, type Outcome } from './outcome.js';
import { Queue } from './queue.js';

/** Who gets the outcomes of a batch. */
export interface Waiter {
  answer(outcomes: Outcome[]): void;
  fail(error: Error): void;
}

interface Request {
  number: bigint;
  count: number;
  /** What is sent again; `undefined` in a session without a name. */
  message: Uint8Array | undefined;
  waiter: Waiter;
  outcomes: Outcome[];
}

/** An effect of a command besides its outcome. */
export type Event<K extends EventKind = EventKind> = {
  [E in K]: {
    sequence: bigint;
    timestamp: bigint;
    number: bigint;
    kind: E;
    body: Bodies[E];
  };
}[K];

/** Outcomes of a batch that an earlier life of this session had sent. */
export interface Replayed {
  number: bigint;
  tag: bigint;
  outcomes: Outcome[];
}

/** What a session is made of. */
export interface SessionOptions {
  name?: string | bigint | number | undefined;
  lastSequence?: bigint | undefined;
  lastNumber?: bigint | undefined;
  history?: History | undefined;
  onEvent?: ((event: Event) => void) | undefined;
  onReplayed?: ((replayed: Replayed) => void) | undefined;
}

/** The event of a message. */
export function eventOf(raw: RawEvent): Event {
  const { sequence, timestamp, number, event, body } = raw;
  return { sequence, timestamp, number, kind: event, body } as Event;
}

export class Session {
  readonly id: bigint;
  /** Of the last outcome that came. */
  lastSequence: bigint;
  /** Of the last request. */
  lastNumber: bigint;
  history: History | undefined;
  hello: Hello | undefined;
  /** Commands that are sent and not answered. */
  underWay = 0;
  private readonly pending = new Queue<Request>();
  private readonly bodies = new FoundBodies();
  private readonly options: SessionOptions;
  private lastEvent = 0n;
  private origin: Origin | undefined;
  private replayed: Outcome[] = [];
  private resendsUpTo = 0n;

  constructor(options: SessionOptions) {
    this.id = sessionId(options.name);
    this.lastSequence = options.lastSequence ?? 0n;
    this.lastNumber = options.lastNumber ?? 0n;
    this.history = options.history;
    this.options = options;
  }

  /** The hello for a new connection. */
  greeting(token: Uint8Array, inFlightCommandsMax: number): Uint8Array {
    const isNamed = this.id !== 0n;
    return helloBytes({
      session: this.id,
      history: isNamed ? this.history : undefined,
      lastSequence: isNamed ? this.lastSequence : 0n,
      // Until an outcome has come, nothing says that the engine knows the session.
      resume: isNamed && (this.lastSequence > 0n || this.hello?.known === true),
      events: this.options.onEvent !== undefined,
      inFlightCommandsMax,
      token,
    });
  }

  /** Forgets what belongs to a connection; without a name, what is under way is unknown. */
  connectionEnded(): void {
    this.origin = undefined;
    this.replayed = [];
    this.bodies.clear();
    if (this.id === 0n) {
      this.failAll(new ConnectionLost('the connection ended before the outcome came'));
    }
  }

  /** Takes the engine's hello, and returns what is to be sent again. */
  welcome(hello: Hello): Uint8Array[] {
    const { journal, epoch } = hello;
    const before = this.history;
    if (this.id !== 0n && before && (before.journal !== journal || before.epoch !== epoch)) {
      throw historyChanged();
    }
    this.hello = hello;
    this.history = { journal, epoch };
    if (this.id === 0n) return [];
    this.resendsUpTo = hello.lastSequence;
    if (this.lastNumber < hello.lastRequest) this.lastNumber = hello.lastRequest;
    if (hello.lastSequence > this.lastSequence && hello.resumesAfter >= hello.lastSequence) {
      // Nothing will come again.
      this.loseUpTo(hello.lastRequest);
      this.lastSequence = hello.lastSequence;
    }
    const rest: Uint8Array[] = [];
    for (const { number, message } of this.pending) {
      if (number > hello.lastRequest && message) rest.push(message);
    }
    return rest;
  }

  /** Adds a batch, and returns what is to be sent. */
  push(batch: BatchBuilder, waiter: Waiter, tag: bigint): Uint8Array {
    const isNamed = this.id !== 0n;
    const number = isNamed ? this.lastNumber + 1n : 0n;
    const message = batch.seal(number, tag);
    const { count } = batch;
    this.lastNumber = number;
    this.underWay += count;
    const kept = isNamed ? message : undefined;
    this.pending.push({ number, count, message: kept, waiter, outcomes: [] });
    return message;
  }

  /** Takes a message that came after the hello. */
  receive(reply: Reply): void {
    switch (reply.kind) {
      case 'outcomes':
        for (const outcome of reply.outcomes) {
          this.bodies.giveTo(outcome);
          this.take(outcome);
        }
        return;
      case 'event':
        this.takeEvent(reply);
        return;
      case 'origin':
        this.origin = reply;
        this.replayed = [];
        // What came before this batch and is not whole can no longer be had.
        this.loseUpTo(reply.number - 1n);
        return;
      case 'heartbeat':
        return;
      default:
        throw new ProtocolError(`a message that has no place here: ${reply.kind}`);
    }
  }

  private takeEvent(raw: RawEvent): void {
    if (EVENT_KINDS[raw.event] < EVENT_KINDS.transfer_expired) {
      this.bodies.add(raw.sequence, raw.event, raw.body);
    } else if (raw.number > this.lastEvent) {
      this.lastEvent = raw.number;
      this.options.onEvent?.(eventOf(raw));
    }
  }

  private take(outcome: Outcome): void {
    const { sequence } = outcome;
    if (this.id !== 0n) {
      // It had come before.
      if (sequence <= this.lastSequence) return;
      this.lastSequence = sequence;
    }
    const { origin } = this;
    if (origin && sequence < origin.firstSequence + BigInt(origin.commands)) {
      this.takeAgain(origin, outcome);
    } else {
      this.answer(outcome);
    }
  }

  /** Takes an outcome that the engine sends again, of the batch that `origin` names. */
  private takeAgain(origin: Origin, outcome: Outcome): void {
    const place = Number(outcome.sequence - origin.firstSequence);
    const { first } = this.pending;
    if (first?.number !== origin.number) {
      this.replay(origin, place, outcome);
    } else if (first.outcomes.length !== place) {
      // The first of its outcomes are missing.
      this.loseUpTo(origin.number);
    } else {
      this.answer(outcome);
    }
    if (outcome.sequence === this.resendsUpTo && this.hello) {
      // All of what the engine had taken in has come by now.
      this.loseUpTo(this.hello.lastRequest);
    }
  }

  private answer(outcome: Outcome): void {
    const { first } = this.pending;
    if (!first) {
      throw new ProtocolError(`outcome ${outcome.sequence} belongs to no request`);
    }
    first.outcomes.push(outcome);
    this.underWay -= 1;
    if (first.outcomes.length === first.count) {
      this.pending.shift();
      first.waiter.answer(first.outcomes);
    }
  }

  /** Collects an outcome of a batch of an earlier life, or of one that was given up. */
  private replay(origin: Origin, place: number, outcome: Outcome): void {
    this.replayed.push(outcome);
    if (place === origin.commands - 1) {
      const { number, tag } = origin;
      this.options.onReplayed?.({ number, tag, outcomes: this.replayed });
    }
  }

  private loseUpTo(number: bigint): void {
    const error = new OutcomesLost('executed, but the outcomes can no longer be had');
    while (this.pending.first && this.pending.first.number <= number) this.fail(error);
  }

  private fail(error: Error): void {
    const request = this.pending.shift();
    if (!request) return;
    this.underWay -= request.count - request.outcomes.length;
    request.waiter.fail(error);
  }

  /** Gives up: everything under way gets `error`. */
  failAll(error: Error): void {
    while (this.pending.length > 0) this.fail(error);
  }
}
