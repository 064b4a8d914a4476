/** Hands items from one who puts them in to one who takes them out, and says when it is full. */
import { Queue } from './queue.js';

export class Inbox<T> {
  private readonly items = new Queue<T>();
  private readonly most: number;
  private readonly onFull: (isFull: boolean) => void;
  private wake: (() => void) | undefined;
  private isFull = false;

  /** `onFull` is told when `most` items wait, and again when at most a quarter of them do. */
  constructor(most: number, onFull: (isFull: boolean) => void) {
    this.most = most;
    this.onFull = onFull;
  }

  put(item: T): void {
    this.items.push(item);
    if (!this.isFull && this.items.length >= this.most) {
      this.isFull = true;
      this.onFull(true);
    }
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }

  /** The next item, if one is there. */
  poll(): T | undefined {
    const item = this.items.shift();
    if (this.isFull && this.items.length <= this.most / 4) {
      this.isFull = false;
      this.onFull(false);
    }
    return item;
  }

  /** Waits until there is an item. */
  async wait(): Promise<void> {
    if (this.items.length > 0) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
  }
}
