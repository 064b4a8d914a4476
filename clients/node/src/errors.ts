/** What can go wrong, a class for each thing that a program may want to treat on its own. */
import { reasonOf, type Reason } from './numbers.js';

/** The base of all errors of this package; wrong arguments are `TypeError` or `RangeError`. */
export class RingfenceError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** What was received is not the protocol. */
export class ProtocolError extends RingfenceError {
  /** True if bytes were changed on their way, so that a new connection may go well. */
  readonly isTemporary: boolean;

  constructor(message: string, isTemporary = false) {
    super(message);
    this.isTemporary = isTemporary;
  }
}

/**
 * The connection ended before the outcome came, in a session without a name, or the client was
 * closed: the command may have been executed or not.
 */
export class ConnectionLost extends RingfenceError {}

/** A batch was executed, but its outcomes can no longer be had: the outcome log begins later. */
export class OutcomesLost extends RingfenceError {}

/** More commands wait in the client than `waitingMax` allows. This one was not sent. */
export class TooManyWaiting extends RingfenceError {}

/** The engine ended the connection and said why. */
export class Refused extends RingfenceError {
  /** The number of the reason. */
  readonly code: number;
  /** By the code: a sequence, a version, a limit; otherwise 0. */
  readonly value: bigint;
  /** For people. */
  readonly text: string;

  constructor(code: number, value: bigint, text: string) {
    super(`${text} (code ${code})`);
    this.code = code;
    this.value = value;
    this.text = text;
  }

  /** The name of the code, if this version of the client knows it. */
  get reason(): Reason | undefined {
    return reasonOf(this.code);
  }

  /** True if the same may go well later, without a change of anything. */
  get isTemporary(): boolean {
    return TEMPORARY.has(this.code);
  }
}

/**
 * The engine at this address has another history than the one that the client knew: another
 * journal, a repaired one, a restored backup, or a session that was forgotten.
 *
 * To send again could pay twice, so nothing was sent. A person has to look.
 */
export class HistoryChanged extends Refused {}

/** Another connection has taken over the session, or the name of the subscription. */
export class Superseded extends Refused {}

/** Nothing proves who the client is, or the client may not do what it asked for. */
export class NotAllowed extends Refused {}

/**
 * A subscription wants to begin before the oldest outcome that is kept, `value` is the oldest
 * sequence that can be had; or its name was dropped, `value` is what was acknowledged last.
 */
export class TooFarBehind extends Refused {}

/** Codes whose column "then" on the protocol's page says "at once" or "later". */
const TEMPORARY: ReadonlySet<number> = new Set([5, 10, 11, 20, 21, 22, 27, 28, 29]);

const CLASSES: Readonly<Record<number, typeof Refused>> = {
  12: Superseded,
  13: HistoryChanged,
  14: HistoryChanged,
  15: HistoryChanged,
  18: NotAllowed,
  19: NotAllowed,
  23: TooFarBehind,
  26: TooFarBehind,
  30: Superseded,
};

/** The error for what an engine says as its last message. */
export function refusal(code: number, value: bigint, text: string): Refused {
  return new (CLASSES[code] ?? Refused)(code, value, text);
}

/** The error of a client that notices by itself what the engine would refuse with code 15. */
export function historyChanged(): HistoryChanged {
  return new HistoryChanged(15, 0n, 'the engine at this address has another history than before');
}

/** True if a new connection may go well. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof Refused || error instanceof ProtocolError) return error.isTemporary;
  if (error instanceof RingfenceError || error instanceof TypeError) return false;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  // Errors of sockets have a code. Wrong certificates and wrong rights stay wrong.
  return typeof code === 'string' && !/^(EACCES|EPERM|ERR_)|CERT|SELF_SIGNED|UNABLE_TO/.test(code);
}
