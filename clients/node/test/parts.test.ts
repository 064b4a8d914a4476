/** Parts that need no engine: sums, integers, queues, streams, delays, pages. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { crc32c } from '../src/checksum.js';
import { sessionId } from '../src/encode.js';
import { refusal } from '../src/errors.js';
import { Inbox } from '../src/inbox.js';
import { bigOf, get128, get64, put128, put64, type Integer } from '../src/integers.js';
import { ERROR_CODES } from '../src/numbers.js';
import { Queue } from '../src/queue.js';
import { Retry } from '../src/retry.js';
import { STATUSES } from '../src/statuses.js';
import { ROOT } from './repository.js';

/** The sum bit by bit. */
function slowSum(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  }
  return ~sum >>> 0;
}

test('checksums are those of the page, at every length and place', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  const bytes = Uint8Array.from({ length: 300 }, (_, at) => (at * 167 + (at >> 3)) & 0xff);
  for (let start = 0; start < 20; start++) {
    for (const end of [start, start + 1, start + 15, start + 16, start + 17, 100, 299, 300]) {
      assert.equal(crc32c(bytes, start, end), slowSum(bytes.subarray(start, end)));
    }
  }
});

test('integers are written and read in every form, and what does not fit is refused', () => {
  const view = new DataView(new ArrayBuffer(16));
  const cases: [Integer, bigint][] = [
    [0, 0n], [1, 1n], [2 ** 32, 2n ** 32n], [2 ** 53 - 1, 2n ** 53n - 1n], ['7', 7n],
    [2n ** 64n - 1n, 2n ** 64n - 1n], ['18446744073709551615', 2n ** 64n - 1n],
  ];
  for (const [given, expected] of cases) {
    for (const [put, get] of [[put128, get128], [put64, get64]] as const) {
      view.setBigUint64(0, 0n);
      view.setBigUint64(8, 0n);
      put(view, 0, given, 'x');
      assert.equal(get(view, 0), expected);
    }
  }
  put128(view, 0, 2n ** 127n + 5n, 'x');
  assert.equal(get128(view, 0), 2n ** 127n + 5n);
  assert.throws(() => put64(view, 0, 2n ** 64n, 'x'), RangeError);
  assert.throws(() => bigOf('0x10', 16, 'x'), RangeError);
  assert.throws(() => bigOf(' 1', 16, 'x'), RangeError);
});

test('the identity of a session is that of the page', () => {
  assert.equal(sessionId(undefined), 0n);
  assert.equal(sessionId(24149), 24149n);
  // The first 16 bytes of SHA-256 of "billing", as a little-endian number.
  assert.equal(sessionId('billing'), 143130039385453198566831660532559746316n);
  assert.throws(() => sessionId(2n ** 128n), RangeError);
});

test('statuses and error codes are those of the page', () => {
  const page = readFileSync(join(ROOT, 'docs', 'protocol.md'), 'utf8');
  const statuses = page.slice(page.indexOf('## Statuses'));
  const rows = [...statuses.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)];
  assert.deepEqual(
    Object.fromEntries(rows.map(([, number, name]) => [name, Number(number)])),
    STATUSES,
  );
  const errors = page.slice(page.indexOf('| code | meaning |'), page.indexOf('## Kind 6'));
  const codes = [...errors.matchAll(/^\| (\d+) \| .* \| ([^|]*) \|$/gm)];
  assert.equal(codes.length, Object.keys(ERROR_CODES).length);
  for (const [, code, then] of codes) {
    const error = refusal(Number(code), 0n, 'text');
    const isTemporary = /^(at once|later)/.test(then!.trim());
    assert.equal(error.isTemporary, isTemporary, `code ${code}: ${then}`);
    assert.equal(error.name === 'HistoryChanged', ['13', '14', '15'].includes(code!));
  }
});

test('a queue gives what was put in, in order', () => {
  const queue = new Queue<number>();
  let next = 0;
  for (let put = 0; put < 10_000; put++) {
    queue.push(put);
    if (put % 3 !== 0) assert.equal(queue.shift(), next++);
  }
  assert.equal(queue.length, 10_000 - next);
  assert.deepEqual([queue.first, queue.last], [next, 9999]);
  assert.deepEqual([...queue].slice(0, 2), [next, next + 1]);
  while (queue.length > 0) assert.equal(queue.shift(), next++);
  assert.deepEqual([queue.shift(), queue.first, queue.last], [undefined, undefined, undefined]);
});

test('an inbox says when it is full, and when there is room again', async () => {
  const told: boolean[] = [];
  const inbox = new Inbox<number>(4, (isFull) => told.push(isFull));
  const waiting = inbox.wait();
  for (let item = 0; item < 6; item++) inbox.put(item);
  await waiting;
  assert.deepEqual(told, [true]);
  for (let item = 0; item < 5; item++) assert.equal(inbox.poll(), item);
  assert.deepEqual(told, [true, false]);
});

test('delays grow with jitter up to a limit, and end', () => {
  const retry = new Retry(1e9);
  const delays = Array.from({ length: 12 }, () => retry.next()!);
  delays.forEach((delay, at) => {
    const most = Math.min(50 * 2 ** at, 5000);
    assert.ok(delay >= most / 2 && delay <= most, `delay ${at} is ${delay}`);
  });
  retry.reset();
  assert.ok(retry.next()! <= 50);
  assert.equal(new Retry(0).next(), undefined);
});
