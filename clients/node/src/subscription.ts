/**
 * What happens in an engine, from a sequence on, for ever; connects again by itself.
 *
 * ```text
 *   link ──▶ follower ──▶ inbox ──▶ for await, or listeners
 *     ▲                     │ full: the socket is not read
 *     └── the connection ends: after a while a new one, from `position` on
 * ```
 */
import {
  acknowledge, hello, sessionId, subscribe, type Filter, type History,
} from './encode.js';
import { Refused, historyChanged, isTemporary } from './errors.js';
import { TypedEmitter } from './emitter.js';
import { Follower, type Item } from './follower.js';
import { Inbox } from './inbox.js';
import { Link, checkDoor, tokenOf, type Door } from './link.js';
import { MESSAGE_NAMES, type Message, type Messages } from './messages.js';
import type { Reply } from './decode.js';
import { Retry } from './retry.js';

/** What a subscription is told, and where it begins. */
export interface SubscribeOptions extends Filter {
  /**
   * The first sequence that is wanted; `'oldest'`: all that is kept; `'now'`: only what is still
   * to come. Left out: `after`, or where the `name` was acknowledged last, or now.
   */
  from?: bigint | 'oldest' | 'now';
  /** A position that was stored: what comes after it is wanted. */
  after?: bigint;
  /** The engine remembers what was acknowledged under it, and keeps outcomes for it. */
  name?: string | bigint | number;
  /** Where a name begins that the engine does not know: `'now'`, the default, or `'oldest'`. */
  begin?: 'oldest' | 'now';
  /** The history that the position is from, as `subscription.history` was; checked if given. */
  history?: History;
  /** How long to try to reach the engine before giving up: 60 seconds. */
  retrySeconds?: number;
  /** How many messages wait for the program before the socket is not read: 4,096. */
  waitingMax?: number;
}

/** What a subscription emits: messages by their names, and these. */
export interface SubscriptionEvents extends Omit<Messages, 'settled'> {
  /** `settled` is emitted for payments that settle at once, and for released ones. */
  settled: Messages['settled'] | Messages['released'];
  /** Every message. */
  message: Message;
  /** Every message with an outcome. */
  outcome: Message & { kind: 'outcome' };
  /** Every message with an event. */
  event: Message & { kind: 'event' };
  /** Everything up to this sequence has been looked at; also where a filter lets nothing pass. */
  position: bigint;
  /** The subscription cannot go on. */
  error: Error;
  /** Nothing more comes: it was closed, or cannot go on. */
  ended: undefined;
}

/** How often it is asked for an outcome log that may not be there yet: about two seconds. */
const LOG_TRIES_MAX = 6;

type Start = 'after' | 'now' | 'acknowledged';
type Incoming = Item | { subscribed: bigint } | { ended: Error };

/** True for what somebody listens for to hear messages. */
export function isMessageEvent(name: string | symbol): boolean {
  if (typeof name !== 'string') return false;
  return MESSAGE_NAMES.has(name) || ['message', 'outcome', 'event', 'position'].includes(name);
}

/** Emits a message under each name by which a program may listen for it. */
export function emitMessage(to: TypedEmitter<SubscriptionEvents>, message: Message): void {
  to.emit(message.name, message as never);
  if (message.name === 'released') to.emit('settled', message);
  to.emit('message', message);
  if (message.kind === 'outcome') to.emit('outcome', message);
  else to.emit('event', message);
}

export class Subscription
  extends TypedEmitter<SubscriptionEvents>
  implements AsyncIterable<Message>
{
  /** Everything up to this sequence was passed to the program: what to store to resume. */
  position: bigint;
  /** Which journal the position belongs to, once it is known. */
  history: History | undefined;
  private readonly door: Door;
  private readonly options: SubscribeOptions;
  private readonly name: bigint;
  private readonly inbox: Inbox<Incoming>;
  private start: Start;
  private wantsOldest: boolean;
  private lastEvent = 0n;
  private link: Link | undefined;
  private follower: Follower | undefined;
  private triesForLog = 0;
  private acknowledged = 0n;
  private isAcknowledged = true;
  private isClosed = false;
  private isTaken = false;
  private stopWaiting: (() => void) | undefined;

  constructor(door: Door, options: SubscribeOptions = {}) {
    super();
    checkDoor(door);
    const { from, after, name } = options;
    if (from !== undefined && after !== undefined) throw new TypeError('give from or after');
    this.door = door;
    this.options = options;
    this.name = sessionId(name);
    this.history = options.history;
    this.wantsOldest = from === 'oldest';
    this.position = typeof from === 'bigint' ? (from > 0n ? from - 1n : 0n) : (after ?? 0n);
    const isAfter = after !== undefined || typeof from === 'bigint' || from === 'oldest';
    const isRemembered = from === undefined && this.name !== 0n;
    this.start = isAfter ? 'after' : isRemembered ? 'acknowledged' : 'now';
    this.inbox = new Inbox(options.waitingMax ?? 4096, (isFull) => this.link?.pause(isFull));
    // A wrong filter is the caller's mistake, and said to the caller.
    this.wish();
    this.on('newListener' as never, ((event: string) => {
      if (isMessageEvent(event) && !this.isTaken) this.relayTo(this);
    }) as never);
  }

  /** The messages, in order of their sequences; to be iterated over once. */
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    if (this.isTaken) throw new TypeError('a subscription can be iterated over once');
    this.isTaken = true;
    return this.messages();
  }

  private async *messages(): AsyncGenerator<Message, void, undefined> {
    try {
      yield* this.connections();
    } finally {
      this.emit('ended', undefined);
    }
  }

  private async *connections(): AsyncGenerator<Message, void, undefined> {
    const retry = new Retry((this.options.retrySeconds ?? 60) * 1000);
    while (!this.isClosed) {
      let ended: Error | undefined;
      this.connect();
      try {
        while (!ended && !this.isClosed) {
          const item = this.inbox.poll();
          if (item === undefined) await this.inbox.wait();
          else if ('message' in item) yield this.passed(item.message);
          else if ('progress' in item) this.moveOn(item.progress);
          else if ('ended' in item) ended = item.ended;
          else {
            this.position = item.subscribed;
            this.start = 'after';
            retry.reset();
          }
        }
      } finally {
        this.disconnect();
      }
      if (!this.isClosed && ended) await this.beforeRetry(ended, retry);
    }
  }

  /** Ends the subscription; a place under a name stays. */
  close(): void {
    this.isClosed = true;
    this.stopWaiting?.();
    this.link?.close();
    this.inbox.put({ ended: new Error('closed') });
  }

  /**
   * Moves the place that the engine remembers under the name: everything up to `sequence`, by
   * default `position`, has been dealt with.
   */
  acknowledge(sequence: bigint = this.position): void {
    if (this.name === 0n) throw new TypeError('a subscription without a name has no place');
    if (sequence <= this.acknowledged) return;
    this.acknowledged = sequence;
    this.isAcknowledged = false;
    this.sayAcknowledged();
  }

  /** Passes everything to listeners, once those have been added that are added at the same time. */
  relayTo(listeners: TypedEmitter<SubscriptionEvents>): void {
    const messages = this[Symbol.asyncIterator]();
    const relay = async (): Promise<void> => {
      for await (const message of messages) {
        emitMessage(listeners, message);
        if (message.kind === 'outcome') listeners.emit('position', message.position);
      }
    };
    if (listeners !== this) this.on('position', (position) => listeners.emit('position', position));
    setImmediate(() => void relay().catch((error: Error) => listeners.emit('error', error)));
  }

  private wish(): Uint8Array {
    return subscribe(this.options, this.start, this.position, this.name);
  }

  private connect(): void {
    const greeting = hello({
      mode: 'subscription',
      history: this.history,
      token: tokenOf(this.door.token),
    });
    const follower = new Follower(this.position, this.lastEvent);
    this.follower = follower;
    this.isAcknowledged = this.acknowledged === 0n;
    this.link = new Link(this.door, Buffer.concat([greeting, this.wish()]), {
      greeted: ({ journal, epoch }) => {
        const known = this.history;
        if (known && (known.journal !== journal || known.epoch !== epoch)) throw historyChanged();
        this.history = { journal, epoch };
      },
      received: (reply) => this.received(follower, reply),
      paused: () => this.sayAcknowledged(),
      ended: (error) => this.inbox.put({ ended: error }),
    });
  }

  private received(follower: Follower, reply: Reply): void {
    if (reply.kind === 'subscribed') {
      follower.lookedAt = reply.afterSequence;
      this.inbox.put({ subscribed: reply.afterSequence });
    } else {
      follower.take(reply, (item) => this.inbox.put(item));
    }
  }

  private disconnect(): void {
    const { link } = this;
    this.link = undefined;
    this.follower = undefined;
    link?.close();
    // Whatever came of this connection, its end included, has been passed on or comes again.
    while (this.inbox.poll() !== undefined);
  }

  private passed(message: Message): Message {
    if (message.kind === 'event') this.lastEvent = message.event.number;
    else this.position = message.position;
    return message;
  }

  private moveOn(position: bigint): void {
    if (position <= this.position) return;
    this.position = position;
    this.emit('position', position);
  }

  /** Tells the engine what was acknowledged, once this connection has got as far. */
  private sayAcknowledged(): void {
    if (this.isAcknowledged || !this.link || !this.follower) return;
    if (this.follower.lookedAt < this.acknowledged) return;
    this.isAcknowledged = true;
    this.link.write(acknowledge(this.acknowledged));
  }

  /** Waits before the next attempt; throws what stands in the way of one. */
  private async beforeRetry(error: Error, retry: Retry): Promise<void> {
    if (this.beginsElsewhere(error)) return;
    const delay = isTemporary(error) || this.mayComeYet(error) ? retry.next() : undefined;
    if (delay === undefined) throw error;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A new engine makes its outcome log a moment after its first command, so a few tries are due. */
  private mayComeYet(error: Error): boolean {
    if (!(error instanceof Refused) || error.reason !== 'no_outcome_log') return false;
    this.triesForLog += 1;
    return this.triesForLog <= LOG_TRIES_MAX;
  }

  /** Where the engine knows no such place: begins where the program said, if it did. */
  private beginsElsewhere(error: Error): boolean {
    if (!(error instanceof Refused)) return false;
    if (error.reason === 'unknown_subscription' && this.start === 'acknowledged') {
      this.start = this.options.begin === 'oldest' ? 'after' : 'now';
      this.wantsOldest = this.options.begin === 'oldest';
      return true;
    }
    if (error.reason === 'too_far_behind' && this.wantsOldest && this.position === 0n) {
      this.position = error.value - 1n;
      this.wantsOldest = false;
      return true;
    }
    return false;
  }
}
