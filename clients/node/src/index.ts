/** Client of the Ringfence payment engine. README.md shows how it is used. */
export * from './client.js';
export type * from './commands.js';
export type * from './bodies.js';
export type { Hello, Origin } from './decode.js';
export type { SessionDoor } from './dispatcher.js';
export { sessionId, type Filter, type History, type Want } from './encode.js';
export {
  ConnectionLost, HistoryChanged, NotAllowed, OutcomesLost, ProtocolError, Refused, RingfenceError,
  Superseded, TooFarBehind, TooManyWaiting,
} from './errors.js';
export { AMOUNT_MAX, type Integer } from './integers.js';
export type { Door } from './link.js';
export type {
  EventMessage, Message, MessageName, Messages, OutcomeMessage,
} from './messages.js';
export {
  AccountFlags, TransferFlags, flagNames,
  type AccountFlag, type AnyOp, type CancelReason, type EventKind, type Frozen, type Op,
  type OrderStatus, type PendingStatus, type QueueStatus, type Reason, type SettleReason,
  type Side, type TimeInForce, type TransferFlag,
} from './numbers.js';
export { Outcome, type Found, type Founds, type Resolution } from './outcome.js';
export type { Event, Replayed } from './session.js';
export { isRefusal, isSuccess, type Status } from './statuses.js';
export { Subscription, type SubscribeOptions, type SubscriptionEvents } from './subscription.js';
