/** Bytes of an engine as messages. Nothing here does I/O. */
import { EVENT_BODIES, type Bodies } from './bodies.js';
import { crc32c } from './checksum.js';
import { BODY_BYTES } from './commands.js';
import {
  BATCH_COMMANDS_MAX, HEADER_BYTES, KINDS, MAGIC, VERSION, padded, type History,
} from './encode.js';
import { ProtocolError, refusal, type Refused } from './errors.js';
import { get16, get32, get64, get128 } from './integers.js';
import { EVENT_KINDS, namesOf, opOf, type AnyOp, type EventKind } from './numbers.js';
import { OUTCOME_BYTES, readOutcome, type Outcome } from './outcome.js';

/** The first message of an engine. */
export interface Hello extends History {
  kind: 'hello';
  batchCommandsMax: number;
  inFlightCommandsMax: number;
  idleTimeoutMs: number;
  lastSequence: bigint;
  lastRequest: bigint;
  mode: 'commands' | 'subscription';
  known: boolean;
  events: boolean;
  resumesAfter: bigint;
}

/** An event, or a body that a look-up found: that has the number 0. */
export interface RawEvent<K extends EventKind = EventKind> {
  kind: 'event';
  sequence: bigint;
  timestamp: bigint;
  number: bigint;
  event: K;
  body: Bodies[K];
}

/** Whose batch it is whose outcomes follow. */
export interface Origin {
  kind: 'origin';
  firstSequence: bigint;
  firstTimestamp: bigint;
  session: bigint;
  tag: bigint;
  number: bigint;
  commands: number;
  op: AnyOp;
}

/** Bodies of consecutive commands. */
export interface RawCommands {
  kind: 'commands';
  firstSequence: bigint;
  firstTimestamp: bigint;
  op: AnyOp;
  count: number;
  /** The bodies lie in it from its start on. */
  view: DataView;
}

/** A message of an engine, after which the connection goes on. */
export type Reply =
  | Hello
  | { kind: 'outcomes'; outcomes: Outcome[] }
  | RawEvent
  | Origin
  | { kind: 'progress'; sequence: bigint; lastSequence: bigint }
  | RawCommands
  | { kind: 'subscribed'; afterSequence: bigint; oldestSequence: bigint; lastSequence: bigint }
  | { kind: 'heartbeat' };

const EVENT_NAMES = namesOf<EventKind>(EVENT_KINDS);
const FIRST_NUMBERED = EVENT_KINDS.transfer_expired;
const TEXT_BYTES_MAX = 240;
const EVENT_BYTES = 208;
const EVENT_HEAD_BYTES = 48;
const HELLO_BYTES = 96;
/** Lengths that a hello can have in any version. */
const HELLO_BYTES_MIN = 48;
const HELLO_BYTES_MAX = 1024;

/** Lengths of the messages that always have the same. */
const BYTES_OF: Readonly<Record<number, number>> = {
  [KINDS.subscribe]: 48,
  [KINDS.heartbeat]: 16,
  [KINDS.origin]: 80,
  [KINDS.progress]: 32,
};

/** The length that follows from kind and count; `ProtocolError` if there can be no such message. */
function bytesOf(kind: number, op: number, count: number, isGreeted: boolean): number {
  if (kind !== KINDS.error && (kind === KINDS.hello) === isGreeted) {
    throw new ProtocolError(`a message of kind ${kind} that has no place here`);
  }
  if (op !== 0 && kind !== KINDS.commands) {
    throw new ProtocolError(`a message of kind ${kind} with an operation`);
  }
  if (kind === KINDS.outcomes || kind === KINDS.commands) {
    if (count < 1 || count > BATCH_COMMANDS_MAX) {
      throw new ProtocolError(`a message of ${count} records`);
    }
    return 32 + count * (kind === KINDS.outcomes ? OUTCOME_BYTES : BODY_BYTES);
  }
  if (kind === KINDS.event && count === 1) return EVENT_BYTES;
  if (kind === KINDS.error && count <= TEXT_BYTES_MAX) return 32 + padded(count);
  const bytes = BYTES_OF[kind];
  if (bytes !== undefined && count === 0) return bytes;
  throw new ProtocolError(`a message of kind ${kind} with ${count} records`);
}

/** The length of a hello, which may be of another version. */
function helloBytes(length: number): number {
  if (length >= HELLO_BYTES_MIN && length <= HELLO_BYTES_MAX && length % 16 === 0) return length;
  throw new ProtocolError(`a hello with ${length} bytes`);
}

/** Takes the bytes of an engine, gives its messages. */
export class Decoder {
  private chunks: Uint8Array[] = [];
  private held = 0;
  private needed = HEADER_BYTES;
  private isGreeted = false;

  /**
   * Passes on each message that is whole once `chunk` has arrived.
   *
   * Throws `Refused` where the engine says why it ends the connection, and `ProtocolError` where
   * this is not the protocol; the messages before are passed on.
   */
  feed(chunk: Uint8Array, take: (reply: Reply) => void): void {
    this.chunks.push(chunk);
    this.held += chunk.length;
    if (this.held < this.needed) return;
    const bytes = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    this.needed = HEADER_BYTES;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = this.expected(view, at);
      if (bytes.length - at < length) {
        this.needed = length;
        break;
      }
      const reply = this.read(bytes, view, at, length);
      at += length;
      take(reply);
    }
    this.held = bytes.length - at;
    this.chunks = this.held > 0 ? [bytes.subarray(at)] : [];
  }

  /** Checks the header at `at` and returns the length of its message. */
  private expected(view: DataView, at: number): number {
    const kind = view.getUint8(at + 8);
    if (kind === KINDS.hello && !this.isGreeted) return helloBytes(get32(view, at));
    const length = bytesOf(kind, view.getUint8(at + 9), get16(view, at + 10), this.isGreeted);
    if (get32(view, at) !== length || get32(view, at + 12) !== 0) {
      throw new ProtocolError(`a message of kind ${kind} with ${get32(view, at)} bytes`);
    }
    return length;
  }

  private read(bytes: Uint8Array, view: DataView, at: number, length: number): Reply {
    if (crc32c(bytes, at + 8, at + length) !== get32(view, at + 4)) {
      throw new ProtocolError('a message with a wrong checksum', true);
    }
    const kind = view.getUint8(at + 8);
    this.isGreeted ||= kind === KINDS.hello;
    if (kind === KINDS.error) throw readError(bytes, view, at);
    try {
      return readMessage(kind, bytes, view, at);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ProtocolError(`a message of kind ${kind}: ${error.message}`);
    }
  }
}

function zero(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    if (bytes[at] !== 0) throw new RangeError('reserved bytes are not zero');
  }
}

function readMessage(kind: number, bytes: Uint8Array, view: DataView, at: number): Reply {
  switch (kind) {
    case KINDS.outcomes:
      return readOutcomes(bytes, view, at);
    case KINDS.event:
      return readEvent(bytes, view, at);
    case KINDS.hello:
      return readHello(bytes, view, at);
    case KINDS.origin:
      return readOrigin(bytes, view, at);
    case KINDS.progress:
      return {
        kind: 'progress', sequence: get64(view, at + 16), lastSequence: get64(view, at + 24),
      };
    case KINDS.commands:
      return readCommands(view, at);
    case KINDS.subscribe:
      zero(bytes, at + 40, at + 48);
      return {
        kind: 'subscribed',
        afterSequence: get64(view, at + 16),
        oldestSequence: get64(view, at + 24),
        lastSequence: get64(view, at + 32),
      };
    default:
      return { kind: 'heartbeat' };
  }
}

function readOutcomes(bytes: Uint8Array, view: DataView, at: number): Reply {
  zero(bytes, at + 24, at + 32);
  const count = get16(view, at + 10);
  const outcomes = new Array<Outcome>(count);
  let sequence = get64(view, at + 16);
  for (let index = 0; index < count; index++, sequence++) {
    outcomes[index] = readOutcome(view, at + 32 + index * OUTCOME_BYTES, sequence);
  }
  return { kind: 'outcomes', outcomes };
}

function readEvent(bytes: Uint8Array, view: DataView, at: number): RawEvent {
  const number = get64(view, at + 32);
  const kindNumber = view.getUint8(at + 42);
  const event = EVENT_NAMES[kindNumber];
  if (event === undefined) throw new RangeError(`the kind of an event is ${kindNumber}`);
  const body = at + EVENT_HEAD_BYTES;
  const { bytes: used, read } = EVENT_BODIES[event];
  zero(bytes, at + 40, at + 42);
  zero(bytes, at + 43, body);
  zero(bytes, body + used, at + EVENT_BYTES);
  if (event === 'transfer_settled') zero(bytes, body + 16, body + 18);
  if (kindNumber >= FIRST_NUMBERED !== number > 0n) {
    throw new RangeError(`an event ${event} has the number ${number}`);
  }
  return {
    kind: 'event',
    sequence: get64(view, at + 16),
    timestamp: get64(view, at + 24),
    number,
    event,
    body: read(view, body),
  };
}

function readError(bytes: Uint8Array, view: DataView, at: number): Refused | ProtocolError {
  const end = at + 32 + get16(view, at + 10);
  try {
    zero(bytes, at + 18, at + 24);
    zero(bytes, end, at + get32(view, at));
  } catch (error) {
    return new ProtocolError(`an error of the engine: ${(error as Error).message}`);
  }
  const text = new TextDecoder().decode(bytes.subarray(at + 32, end));
  return refusal(get16(view, at + 16), get64(view, at + 24), text);
}

function flag(view: DataView, at: number, name: string): boolean {
  const value = view.getUint8(at);
  if (value > 1) throw new RangeError(`${name} is ${value}`);
  return value === 1;
}

function readHello(bytes: Uint8Array, view: DataView, at: number): Hello {
  if (MAGIC.some((byte, index) => bytes[at + 16 + index] !== byte)) {
    throw new ProtocolError('this is not the Ringfence protocol');
  }
  const version = get32(view, at + 24);
  if (version !== VERSION) {
    throw new ProtocolError(`the engine speaks version ${version}, this client ${VERSION}`);
  }
  const [length, count] = [get32(view, at), get16(view, at + 10)];
  if (length !== HELLO_BYTES || count !== 0) {
    throw new ProtocolError(`a hello with ${length} bytes and a count of ${count}`);
  }
  zero(bytes, at + 9, at + 10);
  zero(bytes, at + 12, at + 16);
  zero(bytes, at + 79, at + 80);
  zero(bytes, at + 88, at + 96);
  return {
    kind: 'hello',
    batchCommandsMax: get32(view, at + 28),
    inFlightCommandsMax: get32(view, at + 32),
    idleTimeoutMs: get32(view, at + 36),
    lastSequence: get64(view, at + 40),
    journal: Buffer.from(bytes.subarray(at + 48, at + 64)).toString('hex'),
    lastRequest: get64(view, at + 64),
    epoch: get32(view, at + 72),
    mode: flag(view, at + 76, 'mode') ? 'subscription' : 'commands',
    known: flag(view, at + 77, 'known'),
    events: flag(view, at + 78, 'events'),
    resumesAfter: get64(view, at + 80),
  };
}

function knownOp(number: number): AnyOp {
  const op = opOf(number);
  if (op === undefined) throw new RangeError(`operation is ${number}`);
  return op;
}

function readOrigin(bytes: Uint8Array, view: DataView, at: number): Origin {
  zero(bytes, at + 77, at + 80);
  const commands = get32(view, at + 72);
  if (commands < 1 || commands > BATCH_COMMANDS_MAX) throw new RangeError(`${commands} commands`);
  return {
    kind: 'origin',
    firstSequence: get64(view, at + 16),
    firstTimestamp: get64(view, at + 24),
    session: get128(view, at + 32),
    tag: get128(view, at + 48),
    number: get64(view, at + 64),
    commands,
    op: knownOp(view.getUint8(at + 76)),
  };
}

function readCommands(view: DataView, at: number): RawCommands {
  const count = get16(view, at + 10);
  const start = view.byteOffset + at + 32;
  return {
    kind: 'commands',
    firstSequence: get64(view, at + 16),
    firstTimestamp: get64(view, at + 24),
    op: knownOp(view.getUint8(at + 9)),
    count,
    view: new DataView(view.buffer, start, count * BODY_BYTES),
  };
}
