// Numbers over time, in a memory of fixed size.

/**
 * The last `length` spans of time, `seconds` each, with a few numbers for each. What comes too late
 * for them is dropped.
 */
export class Series {
  constructor(seconds, length, lanes) {
    this.seconds = seconds;
    this.length = length;
    this.lanes = Array.from({ length: lanes }, () => new Float64Array(length));
    /** The newest span: seconds since the Unix epoch, divided by `seconds`. */
    this.last = null;
  }

  /** Adds `number` to what lane `lane` holds for the time `at`, in seconds. */
  add(at, lane, number) {
    const place = this.place(at);
    if (place !== null) this.lanes[lane][place] += number;
  }

  /** Sets what lane `lane` holds for the time `at`, to the largest that was set for it. */
  raise(at, lane, number) {
    const place = this.place(at);
    if (place !== null) this.lanes[lane][place] = Math.max(this.lanes[lane][place], number);
  }

  /** Makes `at` the end, so that time goes on where nothing happens. */
  reach(at) {
    this.place(at);
  }

  place(at) {
    const span = Math.floor(at / this.seconds);
    this.last ??= span;
    if (span > this.last) this.forget(span);
    return span <= this.last - this.length ? null : span % this.length;
  }

  /** Empties the spans after the last one, up to `span`. */
  forget(span) {
    const first = Math.max(this.last + 1, span - this.length + 1);
    for (const lane of this.lanes) {
      for (let at = first; at <= span; at += 1) lane[at % this.length] = 0;
    }
    this.last = span;
  }

  /** The number of lane `lane`, `back` spans before the newest. */
  get(lane, back) {
    if (this.last === null || back >= this.length) return 0;
    const span = this.last - back;
    return this.lanes[lane][((span % this.length) + this.length) % this.length];
  }

  /** The sum of lane `lane` over `count` spans that are complete. */
  sum(lane, count) {
    let sum = 0;
    for (let back = 1; back <= count; back += 1) sum += this.get(lane, back);
    return sum;
  }
}
