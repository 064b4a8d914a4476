/** What a subscription tells, by the names that a program listens for. */
import type { CommandsRead } from './bodies.js';
import type { Origin } from './decode.js';
import { TransferFlags, type AnyOp, type EventKind } from './numbers.js';
import type { Outcome } from './outcome.js';
import type { Event } from './session.js';

interface About<Name extends string> {
  name: Name;
  /** Sequence of the command. */
  sequence: bigint;
  /** The place to resume after, once this message has been dealt with. */
  position: bigint;
  /** Session, request number and tag of the command's batch, where it has any. */
  origin: Origin | undefined;
}

/** What became of a command, and the command itself where the subscription wants commands. */
export interface OutcomeMessage<Name extends string, O extends AnyOp> extends About<Name> {
  kind: 'outcome';
  outcome: Outcome<O>;
  command: CommandsRead[O] | undefined;
}

/** An effect of a command besides its outcome. */
export interface EventMessage<Name extends string, K extends EventKind> extends About<Name> {
  kind: 'event';
  event: Event<K>;
}

type Transferred<Name extends string> = OutcomeMessage<Name, 'create_transfer'> & {
  command: CommandsRead['create_transfer'];
};

type Policy = 'set_account_policy' | 'set_ledger_policy' | 'set_pair_policy';
type LookUp =
  | 'lookup_account' | 'lookup_transfer' | 'lookup_order' | 'lookup_market' | 'lookup_queue';

/** The messages by their names. */
export interface Messages {
  /** A payment settled at once, or a pending transfer was posted. */
  settled: Transferred<'settled'>;
  /** Money was reserved by a pending transfer. */
  reserved: Transferred<'reserved'>;
  /** A pending transfer was voided. */
  voided: Transferred<'voided'>;
  /** A payment waits for funds. */
  queued: OutcomeMessage<'queued', 'create_transfer'>;
  /** A transfer was created; which kind is not known, because no commands are wanted. */
  transfer: OutcomeMessage<'transfer', 'create_transfer'>;
  /** A payment that had waited for funds settled. */
  released: EventMessage<'released', 'transfer_settled'>;
  /** A pending or queued transfer expired. */
  expired: EventMessage<'expired', 'transfer_expired'>;
  /** A queued payment left its queue because it could no longer settle. */
  dropped: EventMessage<'dropped', 'transfer_dropped'>;
  /** A queued payment was taken out of its queue. */
  withdrawn: OutcomeMessage<'withdrawn', 'cancel_queued_transfer'>;
  /** A queued payment was made urgent or not. */
  requeued: OutcomeMessage<'requeued', 'requeue_transfer'>;
  /** Queues were resolved. */
  resolved: OutcomeMessage<'resolved', 'resolve_queues'>;
  /** Two orders met. */
  trade: EventMessage<'trade', 'trade'>;
  /** An order was placed, amended or cancelled by its owner. */
  order: OutcomeMessage<'order', 'place_order' | 'amend_order' | 'cancel_order'>;
  /** A resting order was cancelled, and not by its owner. */
  order_cancelled: EventMessage<'order_cancelled', 'order_cancelled'>;
  /** An account was created. */
  account: OutcomeMessage<'account', 'create_account'>;
  /** A market was created. */
  market: OutcomeMessage<'market', 'create_market'>;
  /** A policy was set. */
  policy: OutcomeMessage<'policy', Policy>;
  /** A command was refused: nothing was changed. */
  refused: OutcomeMessage<'refused', AnyOp>;
  /** A command that had been executed before came again: nothing was changed. */
  repeated: OutcomeMessage<'repeated', AnyOp>;
  /** Something was looked up. */
  looked_up: OutcomeMessage<'looked_up', LookUp>;
  /** The engine let time pass. */
  pulse: OutcomeMessage<'pulse', 'pulse'>;
}

export type MessageName = keyof Messages;
export type Message<Name extends MessageName = MessageName> = Messages[Name];

const NAMES_OF_OPS: Readonly<Record<AnyOp, MessageName>> = {
  create_account: 'account',
  create_transfer: 'transfer',
  lookup_account: 'looked_up',
  lookup_transfer: 'looked_up',
  set_account_policy: 'policy',
  set_ledger_policy: 'policy',
  set_pair_policy: 'policy',
  create_market: 'market',
  place_order: 'order',
  amend_order: 'order',
  cancel_order: 'order',
  lookup_order: 'looked_up',
  lookup_market: 'looked_up',
  resolve_queues: 'resolved',
  cancel_queued_transfer: 'withdrawn',
  requeue_transfer: 'requeued',
  lookup_queue: 'looked_up',
  pulse: 'pulse',
};

const NAMES_OF_EVENTS: Readonly<Partial<Record<EventKind, MessageName>>> = {
  transfer_expired: 'expired',
  transfer_settled: 'released',
  transfer_dropped: 'dropped',
  trade: 'trade',
  order_cancelled: 'order_cancelled',
};

/** All names, for programs that list them. */
export const MESSAGE_NAMES: ReadonlySet<string> = new Set<MessageName>([
  ...Object.values(NAMES_OF_OPS),
  ...(Object.values(NAMES_OF_EVENTS) as MessageName[]),
  'settled', 'reserved', 'voided', 'queued', 'refused', 'repeated',
]);

function nameOfTransfer(outcome: Outcome, flags: number | undefined): MessageName {
  if (outcome.status === 'queued') return 'queued';
  if (flags === undefined) return 'transfer';
  if (flags & TransferFlags.pending) return 'reserved';
  return flags & TransferFlags.void_pending_transfer ? 'voided' : 'settled';
}

function nameOf(outcome: Outcome, command: CommandsRead[AnyOp] | undefined): MessageName {
  if (outcome.isRefused) return 'refused';
  if (outcome.status === 'exists') return 'repeated';
  if (outcome.op !== 'create_transfer') return NAMES_OF_OPS[outcome.op];
  return nameOfTransfer(outcome, (command as CommandsRead['create_transfer'] | undefined)?.flags);
}

/** The message of an outcome. */
export function outcomeMessage(
  outcome: Outcome,
  command: CommandsRead[AnyOp] | undefined,
  origin: Origin | undefined,
): Message {
  const { sequence } = outcome;
  const name = nameOf(outcome, command);
  const about = { sequence, position: sequence, origin };
  return { name, kind: 'outcome', ...about, outcome, command } as Message;
}

/** The message of a numbered event; its outcome is still to come, so `position` is before it. */
export function eventMessage(event: Event, position: bigint, origin: Origin | undefined): Message {
  const name = NAMES_OF_EVENTS[event.kind];
  return { name, kind: 'event', sequence: event.sequence, position, origin, event } as Message;
}
