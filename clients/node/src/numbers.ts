/**
 * Names for the numbers of the protocol: operations, flags, kinds of events, error codes.
 *
 * The names are those of the protocol's page and of the text format.
 */

type Table = Readonly<Record<string, number>>;

/** The names of a table at the places of their numbers. */
export function namesOf<Name extends string>(table: Record<Name, number>): (Name | undefined)[] {
  const names: (Name | undefined)[] = [];
  for (const name of Object.keys(table) as Name[]) names[table[name]] = name;
  return names;
}

/** The number of a name; an error that lists the names where there is none. */
export function numberOf(table: Table, name: string, field: string): number {
  const number = Object.hasOwn(table, name) ? table[name] : undefined;
  if (number !== undefined) return number;
  throw new TypeError(`${field} is one of ${Object.keys(table).join(', ')}, not ${String(name)}`);
}

/** What a batch asks for. */
export const OPS = {
  create_account: 1,
  create_transfer: 2,
  lookup_account: 3,
  lookup_transfer: 4,
  set_account_policy: 5,
  set_ledger_policy: 6,
  set_pair_policy: 7,
  create_market: 8,
  place_order: 9,
  amend_order: 10,
  cancel_order: 11,
  lookup_order: 12,
  lookup_market: 13,
  resolve_queues: 14,
  cancel_queued_transfer: 15,
  requeue_transfer: 16,
  lookup_queue: 17,
} as const;

/** What a client can ask for. */
export type Op = keyof typeof OPS;

/** The operations of outcomes: `pulse` is the engine's own. */
export type AnyOp = Op | 'pulse';

const OP_NAMES = namesOf<AnyOp>({ ...OPS, pulse: 18 });

/** The name of an operation; `undefined` where the number has none. */
export function opOf(number: number): AnyOp | undefined {
  return OP_NAMES[number];
}

/** Flags of an account; join them with `|`, or give their names in an array. */
export const AccountFlags = {
  linked: 1 << 0,
  debits_must_not_exceed_credits: 1 << 1,
  credits_must_not_exceed_debits: 1 << 2,
  history: 1 << 3,
  imported: 1 << 4,
  closed: 1 << 5,
} as const;

/** Flags of a transfer; join them with `|`, or give their names in an array. */
export const TransferFlags = {
  linked: 1 << 0,
  pending: 1 << 1,
  post_pending_transfer: 1 << 2,
  void_pending_transfer: 1 << 3,
  balancing_debit: 1 << 4,
  balancing_credit: 1 << 5,
  closing_debit: 1 << 6,
  closing_credit: 1 << 7,
  imported: 1 << 8,
  queue: 1 << 9,
  urgent: 1 << 10,
} as const;

export type AccountFlag = keyof typeof AccountFlags;
export type TransferFlag = keyof typeof TransferFlags;

/** The names of the flags that are set in `flags`. */
export function flagNames<T extends Table>(table: T, flags: number): (keyof T & string)[] {
  return Object.keys(table).filter((name) => flags & table[name]!) as (keyof T & string)[];
}

/** Kinds of events from 16 on; kinds below are the bodies of look-ups. */
export const EVENT_KINDS = {
  account: 1,
  transfer: 2,
  order: 3,
  market: 4,
  bids: 5,
  asks: 6,
  queue: 7,
  transfer_expired: 16,
  transfer_settled: 17,
  transfer_dropped: 18,
  trade: 19,
  order_cancelled: 20,
} as const;

export type EventKind = keyof typeof EVENT_KINDS;

export const SIDES = { buy: 1, sell: 2 } as const;
export const TIMES_IN_FORCE = { gtc: 0, ioc: 1, fok: 2, fok_budget: 3 } as const;
export const FROZEN = { none: 0, debits: 1, credits: 2, all: 3 } as const;
export const PENDING_STATUSES = { pending: 1, posted: 2, voided: 3, expired: 4 } as const;
export const QUEUE_STATUSES = {
  settled: 1, queued: 2, cancelled: 3, expired: 4, dropped: 5,
} as const;
export const ORDER_STATUSES = { open: 1, filled: 2, cancelled: 3 } as const;
export const SETTLE_REASONS = { release: 1, offset: 2, resolution: 3 } as const;
export const CANCEL_REASONS = {
  expired: 1, self_trade: 2, account_closed: 3, overflow: 4,
} as const;

export type Side = keyof typeof SIDES;
export type TimeInForce = keyof typeof TIMES_IN_FORCE;
export type Frozen = keyof typeof FROZEN;
export type PendingStatus = keyof typeof PENDING_STATUSES;
export type QueueStatus = keyof typeof QUEUE_STATUSES;
export type OrderStatus = keyof typeof ORDER_STATUSES;
export type SettleReason = keyof typeof SETTLE_REASONS;
export type CancelReason = keyof typeof CANCEL_REASONS;

/** Why the engine ends a connection. */
export const ERROR_CODES = {
  bad_magic: 1,
  unsupported_version: 2,
  unexpected_message: 3,
  bad_length: 4,
  bad_checksum: 5,
  bad_op: 6,
  bad_count: 7,
  reserved_not_zero: 8,
  bad_value: 9,
  too_many_sessions: 10,
  not_reading: 11,
  superseded: 12,
  unknown_session: 13,
  sequence_ahead: 14,
  other_history: 15,
  sessions_full: 16,
  request_not_increasing: 17,
  unauthenticated: 18,
  not_allowed: 19,
  hello_timeout: 20,
  idle_timeout: 21,
  rate_limited: 22,
  too_far_behind: 23,
  no_outcome_log: 24,
  unknown_subscription: 25,
  subscription_dropped: 26,
  stopping: 27,
  too_many_connections: 28,
  too_many_subscriptions: 29,
  subscription_superseded: 30,
} as const;

export type Reason = keyof typeof ERROR_CODES;

const REASONS = namesOf<Reason>(ERROR_CODES);

/** The name of an error code; `undefined` where this version does not know the code. */
export function reasonOf(code: number): Reason | undefined {
  return REASONS[code];
}
