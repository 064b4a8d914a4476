// Outcomes and events as lines of the list.

import { grouped, words } from './format.js';
import { isLookUp, kindOf } from './records.js';

/** Where each operation has what a line shows. */
const KINDS = {
  create_account: 'accounts',
  lookup_account: 'accounts',
  create_transfer: 'transfers',
  lookup_transfer: 'transfers',
  cancel_queued_transfer: 'transfers',
  requeue_transfer: 'transfers',
  place_order: 'orders',
  amend_order: 'orders',
  cancel_order: 'orders',
  lookup_order: 'orders',
};

/** The line of an outcome. */
export function rowOf(outcome, command) {
  const row = {
    sequence: outcome.sequence,
    timestamp: outcome.timestamp,
    op: words(outcome.op),
    id: idOf(outcome, command),
    from: null,
    to: null,
    amount: '',
    ledger: '',
    status: outcome.status,
    kind: kindOf(outcome.status),
    isLookUp: isLookUp(outcome.op),
    about: KINDS[outcome.op] ?? null,
  };
  if (command === null) return row;
  row.ledger = command.ledger ? String(command.ledger) : '';
  if (outcome.op === 'create_transfer') describeTransfer(row, command);
  else if (outcome.op === 'place_order') describeOrder(row, command);
  else if (outcome.op === 'set_account_policy') row.from = command.account_id;
  else if (outcome.op === 'set_pair_policy') describePair(row, command);
  return row;
}

function idOf(outcome, command) {
  if (outcome.id !== undefined) return String(outcome.id);
  return command?.account_id ?? '';
}

function describePair(row, command) {
  row.from = command.debit_account_id ?? null;
  row.to = command.credit_account_id ?? null;
}

/** What a transfer's flags make of it. */
const TRANSFERS = [
  ['post_pending_transfer', 'post hold'],
  ['void_pending_transfer', 'void hold'],
  ['pending', 'hold'],
  ['queue', 'may wait'],
];

function describeTransfer(row, command) {
  const flags = command.flags ?? [];
  row.op = TRANSFERS.find(([flag]) => flags.includes(flag))?.[1] ?? 'transfer';
  if (flags.includes('linked')) row.op += ', linked';
  describePair(row, command);
  const isWhole = /^3402823669209384634633746074317682114[0-9]{2}$/.test(command.amount);
  row.amount = isWhole ? 'all of it' : grouped(command.amount);
}

function describeOrder(row, command) {
  row.op = `${command.side} order`;
  row.from = command.base_account_id ?? null;
  row.to = command.quote_account_id ?? null;
  row.amount = command.price
    ? `${grouped(command.quantity ?? 0)} @ ${grouped(command.price)}`
    : grouped(command.quantity ?? 0);
  row.ledger = `m${command.market ?? ''}`;
}

/** How an event is shown: its operation, and what became of whom. */
const EVENTS = {
  transfer_settled: { op: 'left the queue', kind: 'settled', about: 'transfers' },
  transfer_expired: { op: 'expired', kind: 'neutral', about: 'transfers' },
  transfer_dropped: { op: 'dropped', kind: 'refused', about: 'transfers' },
  trade: { op: 'trade', kind: 'settled', about: 'orders' },
  order_cancelled: { op: 'order cancelled', kind: 'neutral', about: 'orders' },
};

/** The line of an event. */
export function rowOfEvent(event) {
  const unknown = { op: words(event.type), kind: 'neutral', about: null };
  const { op, kind, about } = EVENTS[event.type] ?? unknown;
  const isTrade = event.type === 'trade';
  return {
    sequence: event.sequence,
    timestamp: event.timestamp,
    op,
    id: isTrade ? event.taker_order_id : event.id ?? '',
    from: null,
    to: null,
    amount: isTrade ? `${grouped(event.quantity)} @ ${grouped(event.price)}` : '',
    ledger: isTrade ? `m${event.market}` : '',
    status: event.status ?? event.by ?? event.reason ?? event.type,
    kind,
    isLookUp: false,
    isEvent: true,
    about,
  };
}

/** The line that says that something did not arrive. */
export function rowOfMissing(first, last) {
  const sequence = first === last ? String(first) : `${first}–${last}`;
  return notice(sequence, 'not received', 'missing');
}

/** The line that says that what follows is of another engine. */
export function rowOfOther(id) {
  return { ...notice('', 'another engine', 'its history begins'), id };
}

function notice(sequence, op, status) {
  return {
    sequence,
    timestamp: null,
    op,
    id: '',
    from: null,
    to: null,
    amount: '',
    ledger: '',
    status,
    kind: 'refused',
    isLookUp: false,
    about: null,
  };
}
