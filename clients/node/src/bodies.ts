/** Records that come from the engine: outcomes, what look-ups find, events, commands of others. */
import { BODY_BYTES, type Commands } from './commands.js';
import { get16, get32, get64, get128 } from './integers.js';
import {
  CANCEL_REASONS, FROZEN, ORDER_STATUSES, PENDING_STATUSES, QUEUE_STATUSES, SETTLE_REASONS, SIDES,
  TIMES_IN_FORCE, namesOf,
  type AnyOp, type CancelReason, type Frozen, type Op, type OrderStatus, type PendingStatus,
  type QueueStatus, type SettleReason, type Side, type TimeInForce,
} from './numbers.js';
import { statusOf, type Status } from './statuses.js';

/** An account as it is. Amounts are in minor units, times in nanoseconds since 1970 in UTC. */
export interface Account {
  id: bigint;
  debits_pending: bigint;
  debits_posted: bigint;
  credits_pending: bigint;
  credits_posted: bigint;
  user_data_128: bigint;
  user_data_64: bigint;
  user_data_32: number;
  ledger: number;
  code: number;
  /** Joined flags: see `AccountFlags` and `flagNames`. */
  flags: number;
  timestamp: bigint;
}

/** A transfer; `pending_status` and `queue_status` only in what a look-up finds. */
export interface Transfer {
  id: bigint;
  debit_account_id: bigint;
  credit_account_id: bigint;
  amount: bigint;
  pending_id: bigint;
  user_data_128: bigint;
  user_data_64: bigint;
  user_data_32: number;
  timeout: number;
  ledger: number;
  code: number;
  /** Joined flags: see `TransferFlags` and `flagNames`. */
  flags: number;
  timestamp: bigint;
  /** Of a transfer that was pending. */
  pending_status?: PendingStatus;
  /** Of a transfer that was sent with the flag `queue`. */
  queue_status?: QueueStatus;
}

/** An order as it was placed. */
export interface Order {
  id: bigint;
  market: number;
  side: Side;
  time_in_force: TimeInForce;
  post_only: boolean;
  base_account_id: bigint;
  quote_account_id: bigint;
  price: bigint;
  quantity: bigint;
  budget: bigint;
  timeout: number;
  user_data_128: bigint;
}

/** How much of an order has traded, in lots. */
export interface OrderState {
  status: OrderStatus;
  filled: bigint;
  remaining: bigint;
}

/** An order as it is. */
export interface OrderFound extends Order, OrderState {
  timestamp: bigint;
}

/** A market as it was created. */
export interface Market {
  id: number;
  base_ledger: number;
  quote_ledger: number;
  base_account_id: bigint;
  quote_account_id: bigint;
  fee_account_id: bigint;
  lot: bigint;
  tick: bigint;
  maker_fee: bigint;
  taker_fee: bigint;
}

/** Orders of one price. */
export interface Level {
  quantity: bigint;
  price: bigint;
  orders: bigint;
}

/** A market and its best prices, the best first. */
export interface MarketFound extends Market {
  timestamp: bigint;
  bids: Level[];
  asks: Level[];
}

/** What waits in the queue of an account. */
export interface Queue {
  amount: bigint;
  head_id: bigint;
  count: bigint;
}

/** The bodies of events, by their kinds. */
export interface Bodies {
  account: Account;
  transfer: Transfer;
  order: OrderFound;
  market: Market & { timestamp: bigint };
  bids: { levels: Level[] };
  asks: { levels: Level[] };
  queue: Queue;
  /** A pending or queued transfer expired. */
  transfer_expired: { id: bigint };
  /** A queued payment settled. */
  transfer_settled: { id: bigint; by: SettleReason };
  /** A queued payment left its queue because it could no longer settle. */
  transfer_dropped: { id: bigint; status: Status };
  /** Two orders met. */
  trade: {
    taker_order_id: bigint;
    maker_order_id: bigint;
    taker_fee: bigint;
    maker_fee: bigint;
    price: bigint;
    quantity: bigint;
    market: number;
  };
  /** A resting order was cancelled, and not by its owner. */
  order_cancelled: { id: bigint; remaining: bigint; reason: CancelReason };
}

type Names<Name extends string> = readonly (Name | undefined)[];

const SIDE_NAMES: Names<Side> = namesOf(SIDES);
const TIME_NAMES: Names<TimeInForce> = namesOf(TIMES_IN_FORCE);
const FROZEN_NAMES: Names<Frozen> = namesOf(FROZEN);
const PENDING_NAMES: Names<PendingStatus> = namesOf(PENDING_STATUSES);
const QUEUE_NAMES: Names<QueueStatus> = namesOf(QUEUE_STATUSES);
const ORDER_NAMES: Names<OrderStatus> = namesOf(ORDER_STATUSES);
const SETTLE_NAMES: Names<SettleReason> = namesOf(SETTLE_REASONS);
const CANCEL_NAMES: Names<CancelReason> = namesOf(CANCEL_REASONS);

/** The name of a number; an error where it has none. */
export function known<N extends string>(names: Names<N>, number: number, field: string): N {
  const name = names[number];
  if (name === undefined) throw new RangeError(`${field} is ${number}`);
  return name;
}

function truth(value: number, field: string): boolean {
  if (value > 1) throw new RangeError(`${field} is ${value}`);
  return value === 1;
}

function readAccount(view: DataView, at: number): Account {
  return {
    id: get128(view, at),
    debits_pending: get128(view, at + 16),
    debits_posted: get128(view, at + 32),
    credits_pending: get128(view, at + 48),
    credits_posted: get128(view, at + 64),
    user_data_128: get128(view, at + 80),
    user_data_64: get64(view, at + 96),
    user_data_32: get32(view, at + 104),
    ledger: get32(view, at + 112),
    code: get16(view, at + 116),
    flags: get16(view, at + 118),
    timestamp: get64(view, at + 120),
  };
}

function readTransfer(view: DataView, at: number): Transfer {
  return {
    id: get128(view, at),
    debit_account_id: get128(view, at + 16),
    credit_account_id: get128(view, at + 32),
    amount: get128(view, at + 48),
    pending_id: get128(view, at + 64),
    user_data_128: get128(view, at + 80),
    user_data_64: get64(view, at + 96),
    user_data_32: get32(view, at + 104),
    timeout: get32(view, at + 108),
    ledger: get32(view, at + 112),
    code: get16(view, at + 116),
    flags: get16(view, at + 118),
    timestamp: get64(view, at + 120),
  };
}

function readOrder(view: DataView, at: number): Order {
  return {
    id: get128(view, at),
    market: get32(view, at + 96),
    side: known(SIDE_NAMES, view.getUint8(at + 104), 'side'),
    time_in_force: known(TIME_NAMES, view.getUint8(at + 105), 'time_in_force'),
    post_only: truth(view.getUint8(at + 106), 'post_only'),
    base_account_id: get128(view, at + 16),
    quote_account_id: get128(view, at + 32),
    price: get64(view, at + 80),
    quantity: get64(view, at + 88),
    budget: get128(view, at + 48),
    timeout: get32(view, at + 100),
    user_data_128: get128(view, at + 64),
  };
}

function readMarket(view: DataView, at: number): Market {
  return {
    id: get32(view, at + 80),
    base_ledger: get32(view, at + 84),
    quote_ledger: get32(view, at + 88),
    base_account_id: get128(view, at),
    quote_account_id: get128(view, at + 16),
    fee_account_id: get128(view, at + 32),
    lot: get64(view, at + 48),
    tick: get64(view, at + 56),
    maker_fee: get64(view, at + 64),
    taker_fee: get64(view, at + 72),
  };
}

function readAccountPolicy(view: DataView, at: number): Commands['set_account_policy'] {
  const limits = view.getUint8(at + 89);
  const policy: Commands['set_account_policy'] = {
    account_id: get128(view, at),
    frozen: known(FROZEN_NAMES, view.getUint8(at + 88), 'frozen'),
  };
  if (limits & 1) policy.debit_amount_max = get128(view, at + 16);
  if (limits & 2) policy.credit_amount_max = get128(view, at + 32);
  if (limits & 4) {
    policy.debit_rate = { count: get64(view, at + 72), window_seconds: get32(view, at + 84) };
  }
  if (limits & 24) {
    policy.debit_spend = { window_seconds: get32(view, at + 80) };
    if (limits & 8) policy.debit_spend.amount = get128(view, at + 48);
    if (limits & 16) policy.debit_spend.count = get64(view, at + 64);
  }
  return policy;
}

function readLedgerPolicy(view: DataView, at: number): Commands['set_ledger_policy'] {
  const policy: Commands['set_ledger_policy'] = {
    ledger: get32(view, at + 16),
    open_second: get32(view, at + 20),
    close_second: get32(view, at + 24),
    halted: truth(view.getUint8(at + 28), 'halted'),
  };
  if (view.getUint8(at + 29) & 1) policy.amount_max = get128(view, at);
  return policy;
}

const readId = (view: DataView, at: number) => ({ id: get128(view, at) });

/** Commands as they are read: with `bigint` where a command that is sent may have any integer. */
export interface CommandsRead extends Omit<Commands, 'create_account' | 'create_transfer'> {
  create_account: Account;
  create_transfer: Transfer;
  place_order: Order;
  create_market: Market;
  pulse: Record<string, never>;
}

const READERS: { [O in Op]: (view: DataView, at: number) => CommandsRead[O] } = {
  create_account: readAccount,
  create_transfer: readTransfer,
  lookup_account: readId,
  lookup_transfer: readId,
  set_account_policy: readAccountPolicy,
  set_ledger_policy: readLedgerPolicy,
  set_pair_policy: (view, at) => ({
    debit_account_id: get128(view, at),
    credit_account_id: get128(view, at + 16),
    blocked: truth(view.getUint8(at + 32), 'blocked'),
  }),
  create_market: readMarket,
  place_order: readOrder,
  amend_order: (view, at) => ({
    id: get128(view, at), price: get64(view, at + 16), quantity: get64(view, at + 24),
  }),
  cancel_order: readId,
  lookup_order: readId,
  lookup_market: readId,
  resolve_queues: (view, at) => ({ ledger: get32(view, at) }),
  cancel_queued_transfer: readId,
  requeue_transfer: (view, at) => ({
    id: get128(view, at), urgent: truth(view.getUint8(at + 16), 'urgent'),
  }),
  lookup_queue: (view, at) => ({ account_id: get128(view, at) }),
};

/** The command of operation `op` whose 128 bytes lie at `at`. */
export function readCommand<O extends AnyOp>(op: O, view: DataView, at: number): CommandsRead[O] {
  if (op === 'pulse') return {} as CommandsRead[O];
  return READERS[op as Op](view, at) as CommandsRead[O];
}

function readLevels(view: DataView, at: number): { levels: Level[] } {
  const levels: Level[] = [];
  for (let level = at; level < at + 160; level += 32) {
    const orders = get64(view, level + 24);
    if (orders === 0n) continue;
    levels.push({ quantity: get128(view, level), price: get64(view, level + 16), orders });
  }
  return { levels };
}

/** A transfer, and what became of it. */
function readTransferFound(view: DataView, at: number): Transfer {
  const transfer = readTransfer(view, at);
  const pending = view.getUint8(at + BODY_BYTES);
  const queue = view.getUint8(at + BODY_BYTES + 1);
  if (pending) transfer.pending_status = known(PENDING_NAMES, pending, 'pending status');
  if (queue) transfer.queue_status = known(QUEUE_NAMES, queue, 'queue status');
  return transfer;
}

/** The status of an order by its number. */
export function orderStatusOf(number: number): OrderStatus {
  return known(ORDER_NAMES, number, 'order status');
}

function readStatus(view: DataView, at: number): Status {
  const number = get16(view, at);
  const status = statusOf(number);
  if (status === undefined) throw new RangeError(`status is ${number}`);
  return status;
}

/** How many bytes the body of each kind uses, and how they are read. */
export const EVENT_BODIES: {
  [K in keyof Bodies]: { bytes: number; read: (view: DataView, at: number) => Bodies[K] };
} = {
  account: { bytes: 128, read: readAccount },
  transfer: { bytes: 130, read: readTransferFound },
  order: {
    bytes: 153,
    read: (view, at) => ({
      ...readOrder(view, at),
      timestamp: get64(view, at + 128),
      filled: get64(view, at + 136),
      remaining: get64(view, at + 144),
      status: orderStatusOf(view.getUint8(at + 152)),
    }),
  },
  market: {
    bytes: 136,
    read: (view, at) => ({ ...readMarket(view, at), timestamp: get64(view, at + 128) }),
  },
  bids: { bytes: 160, read: readLevels },
  asks: { bytes: 160, read: readLevels },
  queue: {
    bytes: 40,
    read: (view, at) => ({
      amount: get128(view, at), head_id: get128(view, at + 16), count: get64(view, at + 32),
    }),
  },
  transfer_expired: { bytes: 16, read: readId },
  transfer_settled: {
    bytes: 19,
    read: (view, at) => ({
      id: get128(view, at), by: known(SETTLE_NAMES, view.getUint8(at + 18), 'by'),
    }),
  },
  transfer_dropped: {
    bytes: 18,
    read: (view, at) => ({ id: get128(view, at), status: readStatus(view, at + 16) }),
  },
  trade: {
    bytes: 84,
    read: (view, at) => ({
      taker_order_id: get128(view, at),
      maker_order_id: get128(view, at + 16),
      taker_fee: get128(view, at + 32),
      maker_fee: get128(view, at + 48),
      price: get64(view, at + 64),
      quantity: get64(view, at + 72),
      market: get32(view, at + 80),
    }),
  },
  order_cancelled: {
    bytes: 25,
    read: (view, at) => ({
      id: get128(view, at),
      remaining: get64(view, at + 16),
      reason: known(CANCEL_NAMES, view.getUint8(at + 24), 'reason'),
    }),
  },
};
