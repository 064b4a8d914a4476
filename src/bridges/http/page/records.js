// What the messages of the stream mean, in order, each once.

const SUCCESSES = new Set(['created', 'ok', 'found', 'exists']);

/** `settled`, `refused`, or `neutral` where it is neither yet. */
export function kindOf(status) {
  if (status === 'queued' || status === 'not_found') return 'neutral';
  return SUCCESSES.has(status) ? 'settled' : 'refused';
}

/** Whether an operation only asks, or is the engine's own. */
export function isLookUp(op) {
  return op.startsWith('lookup_') || op === 'pulse';
}

/**
 * Drops what came before, and finds what did not come after a connection was lost. Sequences that
 * are left out in the course of a connection do not concern this reader: a token may be confined to
 * ledgers.
 *
 * `on` has `outcome(outcome, command)`, `event(event)` and `missing(first, last)`.
 */
export class Records {
  constructor(on) {
    this.on = on;
    /** Sequence of the last outcome; `null` before the first. */
    this.last = null;
    /** Number of the last event. */
    this.lastEvent = 0;
    this.isFiltered = false;
    this.isAfterLoss = false;
  }

  /** A connection was lost. */
  lost() {
    this.isAfterLoss = true;
  }

  /** Takes an outcome or an event. */
  take(record) {
    if (record.event !== undefined) this.takeEvent(record);
    else this.takeOutcome(record);
  }

  takeEvent(event) {
    const number = Number(event.event);
    if (number <= this.lastEvent) return;
    this.lastEvent = number;
    this.on.event(event);
  }

  takeOutcome(outcome) {
    const sequence = Number(outcome.sequence);
    if (sequence <= this.last) return;
    if (sequence > this.last + 1) this.leftOut(sequence);
    this.isAfterLoss = false;
    this.last = sequence;
    this.on.outcome(outcome, outcome.command ?? null);
  }

  leftOut(sequence) {
    if (!this.isAfterLoss) this.isFiltered = true;
    else if (!this.isFiltered) this.on.missing(this.last + 1, sequence - 1);
  }

  /** Begins anew after a sequence, with events of any number. */
  startAfter(sequence) {
    this.last = sequence;
    this.lastEvent = 0;
    this.isAfterLoss = false;
  }
}
