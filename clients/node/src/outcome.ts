/** What became of one command. */
import {
  orderStatusOf, type Account, type Bodies, type MarketFound, type OrderFound, type OrderState,
  type Queue, type Transfer,
} from './bodies.js';
import { get16, get64, get128 } from './integers.js';
import { opOf, type AnyOp, type EventKind } from './numbers.js';
import { isRefusal, isSuccess, statusOf, type Status } from './statuses.js';

/** What the look-ups find. */
export interface Founds {
  lookup_account: Account;
  lookup_transfer: Transfer;
  lookup_order: OrderFound;
  lookup_market: MarketFound;
  lookup_queue: Queue;
}

/** What an operation finds: nothing, if it is no look-up. */
export type Found<O extends AnyOp> = O extends keyof Founds ? Founds[O] : undefined;

/** What a resolution of queues settled: so many payments, and their sum. */
export interface Resolution {
  settled: bigint;
  amount: bigint;
}

/** Bytes of an outcome in a message. */
export const OUTCOME_BYTES = 64;

/** What became of one command. A refused payment is an outcome, not an error. */
export class Outcome<O extends AnyOp = AnyOp> {
  constructor(
    /** The command's position in the journal, from 1. */
    readonly sequence: bigint,
    readonly op: O,
    /** The id that the command names; 0 where it names none. */
    readonly id: bigint,
    readonly status: Status,
    /** Nanoseconds since 1970 in UTC. */
    readonly timestamp: bigint,
    /** Of orders that were placed, amended or cancelled: what they are now. */
    readonly order: OrderState | undefined = undefined,
    /** Of a resolution of queues. */
    readonly resolution: Resolution | undefined = undefined,
    /** What a look-up found. */
    public found: Found<O> | undefined = undefined,
  ) {}

  /** True for `created`, `exists`, `queued`, `ok` and `found`. */
  get isSuccess(): boolean {
    return isSuccess(this.status);
  }

  /** True if nothing was changed: neither a success nor `not_found`. */
  get isRefused(): boolean {
    return isRefusal(this.status);
  }
}

function orderOf(view: DataView, at: number): OrderState | undefined {
  const status = Number(get64(view, at + 32));
  if (status === 0) return undefined;
  const [filled, remaining] = [get64(view, at + 40), get64(view, at + 48)];
  return { status: orderStatusOf(status), filled, remaining };
}

/** The outcome whose 64 bytes lie at `at`; an error where a number has no name. */
export function readOutcome(view: DataView, at: number, sequence: bigint): Outcome {
  const statusNumber = get16(view, at + 24);
  const opNumber = view.getUint8(at + 28);
  // Reserved: the two bytes after the status, the three after the operation.
  if (get16(view, at + 26) !== 0 || view.getUint32(at + 28, true) !== opNumber) {
    throw new RangeError('reserved bytes are not zero');
  }
  const status = statusOf(statusNumber);
  const op = opOf(opNumber);
  if (status === undefined) throw new RangeError(`status is ${statusNumber}`);
  if (op === undefined) throw new RangeError(`operation is ${opNumber}`);
  const [id, timestamp] = [get128(view, at), get64(view, at + 16)];
  if (op === 'place_order' || op === 'amend_order' || op === 'cancel_order') {
    return new Outcome<AnyOp>(sequence, op, id, status, timestamp, orderOf(view, at));
  }
  if (op === 'resolve_queues' && status === 'ok') {
    const resolution = { settled: get64(view, at + 32), amount: get128(view, at + 48) };
    return new Outcome<AnyOp>(sequence, op, id, status, timestamp, undefined, resolution);
  }
  return new Outcome<AnyOp>(sequence, op, id, status, timestamp);
}

/** What a look-up found, of the bodies that came before its outcome. */
export class FoundBodies {
  private sequence = 0n;
  private body: object | undefined;

  add<K extends EventKind>(sequence: bigint, kind: K, body: Bodies[K]): void {
    if (kind === 'bids' || kind === 'asks') {
      const { levels } = body as Bodies['bids'];
      if (this.body && sequence === this.sequence) Object.assign(this.body, { [kind]: levels });
      return;
    }
    this.sequence = sequence;
    this.body = kind === 'market' ? { ...body, bids: [], asks: [] } : body;
  }

  /** Gives the outcome what belongs to it, and forgets it. */
  giveTo(outcome: Outcome): void {
    if (this.body && this.sequence === outcome.sequence) {
      (outcome as { found: unknown }).found = this.body;
    }
    this.body = undefined;
  }

  clear(): void {
    this.body = undefined;
  }
}
