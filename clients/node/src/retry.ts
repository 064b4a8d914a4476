/** How long to wait before a further attempt to connect, and when to give up. */

const DELAY_MS = 50;
const DELAY_MS_MAX = 5000;

/** Delays double, with jitter, until `giveUpMs` have passed without a connection. */
export class Retry {
  private readonly giveUpMs: number;
  private delay = DELAY_MS;
  private deadline: number;

  constructor(giveUpMs: number) {
    this.giveUpMs = giveUpMs;
    this.deadline = performance.now() + giveUpMs;
  }

  /** There was a connection: the time to try begins anew. */
  reset(): void {
    this.delay = DELAY_MS;
    this.deadline = performance.now() + this.giveUpMs;
  }

  /** Milliseconds until the next attempt; `undefined`: it is time to give up. */
  next(): number | undefined {
    const delay = this.delay * (0.5 + Math.random() / 2);
    this.delay = Math.min(2 * this.delay, DELAY_MS_MAX);
    return performance.now() + delay > this.deadline ? undefined : delay;
  }
}
