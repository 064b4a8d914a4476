/**
 * What commands carry, and their 128 bytes.
 *
 * The fields have the names of the protocol and of the text format, so that a command of a JSON
 * line can be sent as it is. A field that is left out is zero, `false` or "no limit".
 */
import {
  AMOUNT_MAX, put16, put32, put64, put128, putFlag, smallOf, type Integer,
} from './integers.js';
import {
  AccountFlags, FROZEN, SIDES, TIMES_IN_FORCE, TransferFlags, numberOf,
  type AccountFlag, type Frozen, type Op, type Side, type TimeInForce, type TransferFlag,
} from './numbers.js';

/** Bytes of a command's body. */
export const BODY_BYTES = 128;

/** A whole amount in minor units; `'max'`: 2^128 - 1. */
export type Amount = Integer | 'max';

/** Flags joined with `|`, or their names. */
export type Flags<Name extends string> = number | readonly Name[];

/** Creates an account. */
export interface CreateAccount {
  id: Integer;
  ledger: number;
  code: number;
  flags?: Flags<AccountFlag>;
  user_data_128?: Integer;
  user_data_64?: Integer;
  user_data_32?: number;
  /** Nanoseconds; only with the flag `imported`. */
  timestamp?: Integer;
}

/** Moves, reserves, posts or voids money. In a post an absent amount is the whole amount. */
export interface CreateTransfer {
  id: Integer;
  debit_account_id?: Integer;
  credit_account_id?: Integer;
  amount?: Amount;
  ledger?: number;
  code?: number;
  flags?: Flags<TransferFlag>;
  pending_id?: Integer;
  /** Seconds. */
  timeout?: number;
  user_data_128?: Integer;
  user_data_64?: Integer;
  user_data_32?: number;
  /** Nanoseconds; only with the flag `imported`. */
  timestamp?: Integer;
}

/** Names an account, a transfer, an order or a market. */
export interface OfId {
  id: Integer;
}

/** Names the account whose queue is meant. */
export interface OfAccount {
  account_id: Integer;
}

/** At most `count` payments in each window. */
export interface Rate {
  count: Integer;
  window_seconds: number;
}

/** At most so much, and so many payments, in each window. */
export interface Spend {
  amount?: Integer;
  count?: Integer;
  window_seconds: number;
}

/** Sets the policy of an account: a limit that is left out does not exist. */
export interface SetAccountPolicy {
  account_id: Integer;
  frozen?: Frozen;
  debit_amount_max?: Amount;
  credit_amount_max?: Amount;
  debit_rate?: Rate;
  debit_spend?: Spend;
}

/** Sets the policy of a ledger, open from `open_second` to `close_second` of the day in UTC. */
export interface SetLedgerPolicy {
  ledger: number;
  amount_max?: Amount;
  open_second?: number;
  close_second?: number;
  halted?: boolean;
}

/** Blocks payments from one account to another, or no longer. */
export interface SetPairPolicy {
  debit_account_id: Integer;
  credit_account_id: Integer;
  blocked?: boolean;
}

/** Creates a market. */
export interface CreateMarket {
  id: Integer;
  base_ledger: number;
  quote_ledger: number;
  base_account_id: Integer;
  quote_account_id: Integer;
  fee_account_id: Integer;
  lot: Integer;
  tick: Integer;
  maker_fee?: Integer;
  taker_fee?: Integer;
}

/** Places an order. */
export interface PlaceOrder {
  id: Integer;
  market: Integer;
  side: Side;
  time_in_force?: TimeInForce;
  post_only?: boolean;
  base_account_id: Integer;
  quote_account_id: Integer;
  /** Lots. */
  quantity: Integer;
  /** Steps of the market's tick. */
  price?: Integer;
  budget?: Amount;
  /** Seconds. */
  timeout?: number;
  user_data_128?: Integer;
}

/** Changes an order's price, or lowers its quantity to the lots that shall remain. */
export interface AmendOrder {
  id: Integer;
  price?: Integer;
  quantity?: Integer;
}

/** Settles what queued payments of a ledger can settle together. */
export interface ResolveQueues {
  ledger: number;
}

/** Makes a queued payment urgent or not. */
export interface RequeueTransfer {
  id: Integer;
  urgent?: boolean;
}

/** The commands of each operation. */
export interface Commands {
  create_account: CreateAccount;
  create_transfer: CreateTransfer;
  lookup_account: OfId;
  lookup_transfer: OfId;
  set_account_policy: SetAccountPolicy;
  set_ledger_policy: SetLedgerPolicy;
  set_pair_policy: SetPairPolicy;
  create_market: CreateMarket;
  place_order: PlaceOrder;
  amend_order: AmendOrder;
  cancel_order: OfId;
  lookup_order: OfId;
  lookup_market: OfId;
  resolve_queues: ResolveQueues;
  cancel_queued_transfer: OfId;
  requeue_transfer: RequeueTransfer;
  lookup_queue: OfAccount;
}

type Write<C> = (view: DataView, at: number, command: C) => void;

/** How the commands of an operation are written, and which fields they may have. */
interface Form<C> {
  fields: ReadonlySet<string>;
  write: Write<C>;
}

function form<C>(fields: readonly (keyof C & string)[], write: Write<C>): Form<C> {
  // A command of a JSON line names its operation.
  return { fields: new Set([...fields, 'op']), write };
}

function amountOf(amount: Amount | undefined): Integer | undefined {
  return amount === 'max' ? AMOUNT_MAX : amount;
}

/** The number of flags that are joined with `|` or given by their names. */
export function flagsOf(
  table: Readonly<Record<string, number>>,
  flags: Flags<string> | undefined,
): number {
  if (flags === undefined || typeof flags === 'number') return flags ?? 0;
  let joined = 0;
  for (const name of flags) joined |= numberOf(table, name, 'a flag');
  return joined;
}

function writeAccount(view: DataView, at: number, account: CreateAccount): void {
  put128(view, at, account.id, 'id');
  put128(view, at + 80, account.user_data_128, 'user_data_128');
  put64(view, at + 96, account.user_data_64, 'user_data_64');
  put32(view, at + 104, account.user_data_32, 'user_data_32');
  put32(view, at + 112, account.ledger, 'ledger');
  put16(view, at + 116, account.code, 'code');
  put16(view, at + 118, flagsOf(AccountFlags, account.flags), 'flags');
  put64(view, at + 120, account.timestamp, 'timestamp');
}

function writeTransfer(view: DataView, at: number, transfer: CreateTransfer): void {
  const flags = flagsOf(TransferFlags, transfer.flags);
  const isWhole = transfer.amount === undefined && flags & TransferFlags.post_pending_transfer;
  put128(view, at, transfer.id, 'id');
  put128(view, at + 16, transfer.debit_account_id, 'debit_account_id');
  put128(view, at + 32, transfer.credit_account_id, 'credit_account_id');
  put128(view, at + 48, isWhole ? AMOUNT_MAX : amountOf(transfer.amount), 'amount');
  put128(view, at + 64, transfer.pending_id, 'pending_id');
  put128(view, at + 80, transfer.user_data_128, 'user_data_128');
  put64(view, at + 96, transfer.user_data_64, 'user_data_64');
  put32(view, at + 104, transfer.user_data_32, 'user_data_32');
  put32(view, at + 108, transfer.timeout, 'timeout');
  put32(view, at + 112, transfer.ledger, 'ledger');
  put16(view, at + 116, transfer.code, 'code');
  put16(view, at + 118, flags, 'flags');
  put64(view, at + 120, transfer.timestamp, 'timestamp');
}

/** Writes the limits that are there; returns a bit for each of them. */
function writeLimits(view: DataView, at: number, policy: SetAccountPolicy): number {
  const { debit_rate: rate, debit_spend: spend } = policy;
  if (spend && spend.amount === undefined && spend.count === undefined) {
    throw new TypeError('debit_spend limits an amount, a count or both');
  }
  if (rate && rate.count === undefined) throw new TypeError('debit_rate has a count');
  put128(view, at + 16, amountOf(policy.debit_amount_max), 'debit_amount_max');
  put128(view, at + 32, amountOf(policy.credit_amount_max), 'credit_amount_max');
  put128(view, at + 48, spend?.amount, 'amount of debit_spend');
  put64(view, at + 64, spend?.count, 'count of debit_spend');
  put64(view, at + 72, rate?.count, 'count of debit_rate');
  put32(view, at + 80, spend?.window_seconds, 'window_seconds of debit_spend');
  put32(view, at + 84, rate?.window_seconds, 'window_seconds of debit_rate');
  const limits = [
    policy.debit_amount_max, policy.credit_amount_max, rate?.count, spend?.amount, spend?.count,
  ];
  return limits.reduce<number>(
    (bits, limit, bit) => (limit === undefined ? bits : bits | (1 << bit)),
    0,
  );
}

function writeAccountPolicy(view: DataView, at: number, policy: SetAccountPolicy): void {
  put128(view, at, policy.account_id, 'account_id');
  view.setUint8(at + 88, numberOf(FROZEN, policy.frozen ?? 'none', 'frozen'));
  view.setUint8(at + 89, writeLimits(view, at, policy));
}

function writeLedgerPolicy(view: DataView, at: number, policy: SetLedgerPolicy): void {
  put128(view, at, amountOf(policy.amount_max), 'amount_max');
  put32(view, at + 16, policy.ledger, 'ledger');
  put32(view, at + 20, policy.open_second, 'open_second');
  put32(view, at + 24, policy.close_second, 'close_second');
  putFlag(view, at + 28, policy.halted, 'halted');
  view.setUint8(at + 29, policy.amount_max === undefined ? 0 : 1);
}

function writeMarket(view: DataView, at: number, market: CreateMarket): void {
  put128(view, at, market.base_account_id, 'base_account_id');
  put128(view, at + 16, market.quote_account_id, 'quote_account_id');
  put128(view, at + 32, market.fee_account_id, 'fee_account_id');
  put64(view, at + 48, market.lot, 'lot');
  put64(view, at + 56, market.tick, 'tick');
  put64(view, at + 64, market.maker_fee, 'maker_fee');
  put64(view, at + 72, market.taker_fee, 'taker_fee');
  put32(view, at + 80, market.id, 'id');
  put32(view, at + 84, market.base_ledger, 'base_ledger');
  put32(view, at + 88, market.quote_ledger, 'quote_ledger');
}

function writeOrder(view: DataView, at: number, order: PlaceOrder): void {
  put128(view, at, order.id, 'id');
  put128(view, at + 16, order.base_account_id, 'base_account_id');
  put128(view, at + 32, order.quote_account_id, 'quote_account_id');
  put128(view, at + 48, amountOf(order.budget), 'budget');
  put128(view, at + 64, order.user_data_128, 'user_data_128');
  put64(view, at + 80, order.price, 'price');
  put64(view, at + 88, order.quantity, 'quantity');
  put32(view, at + 96, order.market, 'market');
  put32(view, at + 100, order.timeout, 'timeout');
  view.setUint8(at + 104, numberOf(SIDES, order.side, 'side'));
  const timeInForce = order.time_in_force ?? 'gtc';
  view.setUint8(at + 105, numberOf(TIMES_IN_FORCE, timeInForce, 'time_in_force'));
  putFlag(view, at + 106, order.post_only, 'post_only');
}

const OF_ID = form<OfId>(['id'], (view, at, command) => put128(view, at, command.id, 'id'));

const FORMS: { [O in Op]: Form<Commands[O]> } = {
  create_account: form<CreateAccount>(
    ['id', 'ledger', 'code', 'flags', 'user_data_128', 'user_data_64', 'user_data_32', 'timestamp'],
    writeAccount,
  ),
  create_transfer: form<CreateTransfer>(
    [
      'id', 'debit_account_id', 'credit_account_id', 'amount', 'ledger', 'code', 'flags',
      'pending_id', 'timeout', 'user_data_128', 'user_data_64', 'user_data_32', 'timestamp',
    ],
    writeTransfer,
  ),
  lookup_account: OF_ID,
  lookup_transfer: OF_ID,
  set_account_policy: form<SetAccountPolicy>(
    [
      'account_id', 'frozen', 'debit_amount_max', 'credit_amount_max', 'debit_rate', 'debit_spend',
    ],
    writeAccountPolicy,
  ),
  set_ledger_policy: form<SetLedgerPolicy>(
    ['ledger', 'amount_max', 'open_second', 'close_second', 'halted'],
    writeLedgerPolicy,
  ),
  set_pair_policy: form<SetPairPolicy>(
    ['debit_account_id', 'credit_account_id', 'blocked'],
    (view, at, policy) => {
      put128(view, at, policy.debit_account_id, 'debit_account_id');
      put128(view, at + 16, policy.credit_account_id, 'credit_account_id');
      putFlag(view, at + 32, policy.blocked, 'blocked');
    },
  ),
  create_market: form<CreateMarket>(
    [
      'id', 'base_ledger', 'quote_ledger', 'base_account_id', 'quote_account_id', 'fee_account_id',
      'lot', 'tick', 'maker_fee', 'taker_fee',
    ],
    writeMarket,
  ),
  place_order: form<PlaceOrder>(
    [
      'id', 'market', 'side', 'time_in_force', 'post_only', 'base_account_id', 'quote_account_id',
      'quantity', 'price', 'budget', 'timeout', 'user_data_128',
    ],
    writeOrder,
  ),
  amend_order: form<AmendOrder>(['id', 'price', 'quantity'], (view, at, command) => {
    put128(view, at, command.id, 'id');
    put64(view, at + 16, command.price, 'price');
    put64(view, at + 24, command.quantity, 'quantity');
  }),
  cancel_order: OF_ID,
  lookup_order: OF_ID,
  lookup_market: form<OfId>(['id'], (view, at, command) => {
    put128(view, at, smallOf(command.id, 4, 'id'), 'id');
  }),
  resolve_queues: form<ResolveQueues>(['ledger'], (view, at, command) =>
    put32(view, at, command.ledger, 'ledger'),
  ),
  cancel_queued_transfer: OF_ID,
  requeue_transfer: form<RequeueTransfer>(['id', 'urgent'], (view, at, command) => {
    put128(view, at, command.id, 'id');
    putFlag(view, at + 16, command.urgent, 'urgent');
  }),
  lookup_queue: form<OfAccount>(['account_id'], (view, at, command) =>
    put128(view, at, command.account_id, 'account_id'),
  ),
};

/** Writes the body of a command over 128 zeros; `TypeError` or `RangeError` if it is not one. */
export function writeCommand<O extends Op>(
  op: O,
  view: DataView,
  at: number,
  command: Commands[O],
): void {
  const { fields, write } = FORMS[op] as Form<Commands[O]>;
  // A misspelled field would otherwise be taken for one that was left out.
  for (const name in command) {
    if (!fields.has(name)) throw new TypeError(`unknown field ${name} of ${op}`);
  }
  write(view, at, command);
}

/**
 * True for a command whose outcome depends on its neighbours in the batch, so that it must not
 * share one by chance.
 */
export function dependsOnBatch<O extends Op>(op: O, command: Commands[O]): boolean {
  if (op === 'create_transfer') {
    const { flags } = command as CreateTransfer;
    return (flagsOf(TransferFlags, flags) & (TransferFlags.linked | TransferFlags.imported)) !== 0;
  }
  if (op !== 'create_account') return false;
  const { flags } = command as CreateAccount;
  return (flagsOf(AccountFlags, flags) & (AccountFlags.linked | AccountFlags.imported)) !== 0;
}
