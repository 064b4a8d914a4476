/** Single commands from a source that is read no faster than they are answered. */
import { Inbox } from './inbox.js';

/**
 * Calls `call` with each item of `source`, and yields the results in order. At most `most` results
 * are under way or wait to be taken.
 */
export async function* streamed<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  call: (item: T) => Promise<R>,
  most: number,
): AsyncGenerator<R, void, undefined> {
  let isStopped = false;
  let goOn: (() => void) | undefined;
  let room = Promise.resolve();
  const inbox = new Inbox<Promise<R> | 'end'>(most, (isFull) => {
    if (isFull) room = new Promise((resolve) => (goOn = resolve));
    else goOn?.();
  });

  async function feed(): Promise<void> {
    for await (const item of source) {
      if (isStopped) return;
      put(call(item));
      await room;
    }
  }
  function put(result: Promise<R>): void {
    // Whoever iterates gets the error; until then it does not count as unhandled.
    result.catch(() => undefined);
    inbox.put(result);
  }

  void feed()
    .catch((error: unknown) => put(Promise.reject(error)))
    .then(() => inbox.put('end'));
  try {
    for (;;) {
      const result = inbox.poll();
      if (result === 'end') return;
      if (result) yield await result;
      else await inbox.wait();
    }
  } finally {
    isStopped = true;
    goOn?.();
  }
}
