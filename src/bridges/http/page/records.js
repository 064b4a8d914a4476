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
 * Drops what came before, and finds what did not come.
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
    if (sequence > this.last + 1) {
      this.on.missing(this.last + 1, sequence - 1);
    }
    this.last = sequence;
    this.on.outcome(outcome, outcome.command ?? null);
  }

  /** Begins anew after a sequence, with events of any number. */
  startAfter(sequence) {
    this.last = sequence;
    this.lastEvent = 0;
  }
}
