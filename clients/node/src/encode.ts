/** Messages of a client as bytes. Nothing here does I/O. */
import { createHash } from 'node:crypto';
import { crc32c } from './checksum.js';
import { BODY_BYTES, writeCommand, type Commands } from './commands.js';
import { bigOf, get128, put64, put128, smallOf, type Integer } from './integers.js';
import { OPS, numberOf, type Op } from './numbers.js';

export const VERSION = 3;
export const BATCH_COMMANDS_MAX = 8192;
export const HEADER_BYTES = 16;
export const MAGIC = new TextEncoder().encode('RINGFNCE');

export const KINDS = {
  hello: 1,
  batch: 2,
  outcomes: 3,
  event: 4,
  error: 5,
  subscribe: 6,
  acknowledge: 7,
  heartbeat: 8,
  origin: 9,
  progress: 10,
  commands: 11,
} as const;

const TOKEN_BYTES_MAX = 512;
const FILTER_ENTRIES_MAX = 1024;
const BATCH_HEAD_BYTES = 48;
const HELLO_BYTES = 96;
const SUBSCRIBE_BYTES = 64;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes up to a multiple of 16. */
export function padded(bytes: number): number {
  return (bytes + 15) & ~15;
}

/** Writes the header of a message that is otherwise whole. */
function seal(bytes: Uint8Array, kind: number, op: number, count: number): Uint8Array {
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length, true);
  view.setUint8(8, kind);
  view.setUint8(9, op);
  view.setUint16(10, count, true);
  view.setUint32(4, crc32c(bytes, 8), true);
  return bytes;
}

/**
 * The identity of a session or of a subscription: an integer as it is, a text by its SHA-256,
 * `undefined`: 0, without a name.
 */
export function sessionId(name: string | bigint | number | undefined): bigint {
  if (name === undefined) return 0n;
  if (typeof name !== 'string') return bigOf(name, 16, 'the identity of a session');
  const digest = createHash('sha256').update(name, 'utf8').digest();
  return get128(viewOf(digest), 0) || 1n;
}

/** Which journal an engine has, and how often a repair gave up what had been acknowledged. */
export interface History {
  /** 32 hexadecimal digits; zeros in an engine that keeps no journal. */
  readonly journal: string;
  readonly epoch: number;
}

/** The fields of a client's hello. */
export interface HelloFields {
  session?: Integer;
  history?: History | undefined;
  lastSequence?: Integer;
  inFlightCommandsMax?: number;
  mode?: 'commands' | 'subscription';
  resume?: boolean;
  events?: boolean;
  token?: Uint8Array;
}

/** The first message of a client. */
export function hello(fields: HelloFields): Uint8Array {
  const token = fields.token ?? new Uint8Array();
  if (token.length > TOKEN_BYTES_MAX) {
    throw new RangeError(`a token has at most ${TOKEN_BYTES_MAX} bytes, not ${token.length}`);
  }
  const bytes = new Uint8Array(HELLO_BYTES + padded(token.length));
  const view = viewOf(bytes);
  bytes.set(MAGIC, 16);
  view.setUint32(24, VERSION, true);
  view.setUint32(28, smallOf(fields.inFlightCommandsMax, 4, 'inFlightCommandsMax'), true);
  put128(view, 32, fields.session, 'session');
  if (fields.history) {
    const { journal, epoch } = fields.history;
    if (!/^[0-9a-f]{32}$/i.test(journal)) throw new TypeError('a journal is 32 hexadecimal digits');
    bytes.set(Buffer.from(journal, 'hex'), 48);
    view.setUint32(72, smallOf(epoch, 4, 'epoch'), true);
  }
  put64(view, 64, fields.lastSequence, 'lastSequence');
  bytes[76] = fields.mode === 'subscription' ? 1 : 0;
  bytes[77] = fields.resume ? 1 : 0;
  bytes[78] = fields.events ? 1 : 0;
  bytes.set(token, HELLO_BYTES);
  return seal(bytes, KINDS.hello, 0, token.length);
}

/** A batch to which commands are added until it is sealed. */
export class BatchBuilder<O extends Op = Op> {
  readonly op: O;
  count = 0;
  private bytes: Uint8Array;
  private view: DataView;

  constructor(op: O, expected = 1) {
    numberOf(OPS, op, 'an operation');
    this.op = op;
    this.bytes = new Uint8Array(BATCH_HEAD_BYTES + expected * BODY_BYTES);
    this.view = viewOf(this.bytes);
  }

  /** Adds a command; if it is refused with an error, the batch is as before. */
  add(command: Commands[O]): void {
    const at = BATCH_HEAD_BYTES + this.count * BODY_BYTES;
    if (at + BODY_BYTES > this.bytes.length) this.grow();
    try {
      writeCommand(this.op, this.view, at, command);
    } catch (error) {
      this.bytes.fill(0, at, at + BODY_BYTES);
      throw error;
    }
    this.count += 1;
  }

  private grow(): void {
    const records = Math.min(2 * Math.max(this.count, 4), BATCH_COMMANDS_MAX);
    const larger = new Uint8Array(BATCH_HEAD_BYTES + records * BODY_BYTES);
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = viewOf(larger);
  }

  /** The message; nothing can be added to it any more. */
  seal(number: Integer, tag: Integer): Uint8Array {
    const bytes = this.bytes.subarray(0, BATCH_HEAD_BYTES + this.count * BODY_BYTES);
    put64(this.view, 16, number, 'number');
    put128(this.view, 32, tag, 'tag');
    return seal(bytes, KINDS.batch, OPS[this.op], this.count);
  }
}

/** The commands of a batch; `RangeError` unless they are 1 to 8,192. */
export function batchOf<O extends Op>(op: O, commands: readonly Commands[O][]): BatchBuilder<O> {
  const { length } = commands;
  if (length < 1 || length > BATCH_COMMANDS_MAX) {
    throw new RangeError(`a batch has 1 to ${BATCH_COMMANDS_MAX} commands, not ${length}`);
  }
  const builder = new BatchBuilder(op, length);
  for (const command of commands) builder.add(command);
  return builder;
}

/** What a subscription is told. */
export type Want = 'outcomes' | 'events' | 'commands';

/** What passes: filters are joined by "and", the values of one by "or"; an empty one lets all. */
export interface Filter {
  wants?: readonly Want[];
  onlySuccesses?: boolean;
  ledgers?: readonly number[];
  accounts?: readonly Integer[];
  operations?: readonly Op[];
}

export const WANTS = { outcomes: 1, events: 2, commands: 4 } as const;

/** Where a subscription begins. */
export const STARTS = { after: 0, now: 1, acknowledged: 2 } as const;

/** Begins a subscription. */
export function subscribe(
  filter: Filter,
  start: keyof typeof STARTS,
  afterSequence: bigint,
  name: bigint,
): Uint8Array {
  const { ledgers = [], accounts = [], operations = [] } = filter;
  const entries = ledgers.length + accounts.length;
  if (entries > FILTER_ENTRIES_MAX) {
    throw new RangeError(`a filter has at most ${FILTER_ENTRIES_MAX} entries, not ${entries}`);
  }
  const wants = filter.wants ?? ['outcomes', 'events', 'commands'];
  const bytes = new Uint8Array(SUBSCRIBE_BYTES + 16 * entries);
  const view = viewOf(bytes);
  if (start === 'after') put64(view, 16, afterSequence, 'after');
  put128(view, 32, name, 'name');
  bytes[48] = wants.reduce((bits, want) => bits | numberOf(WANTS, want, 'a wish'), 0);
  bytes[49] = filter.onlySuccesses ? 1 : 0;
  bytes[50] = STARTS[start];
  view.setUint16(52, ledgers.length, true);
  view.setUint16(54, accounts.length, true);
  const bits = operations.map((op) => 1n << BigInt(numberOf(OPS, op, 'an operation')));
  put64(view, 56, bits.reduce((all, bit) => all | bit, 0n), 'operations');
  ledgers.forEach((ledger, at) =>
    view.setUint32(SUBSCRIBE_BYTES + 16 * at, smallOf(ledger, 4, 'a ledger'), true),
  );
  const first = SUBSCRIBE_BYTES + 16 * ledgers.length;
  accounts.forEach((account, at) => put128(view, first + 16 * at, account, 'an account'));
  return seal(bytes, KINDS.subscribe, 0, entries);
}

/** Moves the place of a named subscription. */
export function acknowledge(sequence: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  put64(viewOf(bytes), 16, sequence, 'sequence');
  return seal(bytes, KINDS.acknowledge, 0, 0);
}

/** Says that the client is there. */
export const HEARTBEAT = seal(new Uint8Array(16), KINDS.heartbeat, 0, 0);
