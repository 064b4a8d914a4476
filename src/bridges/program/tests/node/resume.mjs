// Pays with `fetch` and listens with an EventSource while bridge and engine are killed, until the
// file END is there. Then every payment took effect once, and every outcome was told once and in
// order; else it ends with status 1.
//
// node resume.mjs ADDRESS package|built-in END

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [base, kind, end] = process.argv.slice(2);
const Source = kind === 'built-in' ? EventSource : (await import('eventsource')).EventSource;
/** Longest time, in milliseconds, for one request, and for what is still to be heard at the end. */
const TIME_MAX = 60_000;
const SENDERS = 4;

function check(isSo, what) {
  if (!isSo) throw new Error(what);
}

/** Sends with a key until there is an outcome. */
async function send(path, value, key) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const body = JSON.stringify(value);
  for (;;) {
    try {
      const signal = AbortSignal.timeout(TIME_MAX);
      const response = await fetch(base + path, { method: 'POST', headers, body, signal });
      if (response.status !== 429 && response.status !== 503) return await response.json();
    } catch {
      // The bridge was killed, or is not back yet: with the key it can be sent again.
    }
    await sleep(20);
  }
}

/** Hears everything from the first command on: `heard` is the last sequence, `fault` a mistake. */
function listen() {
  const state = { heard: 0, openings: 0, fault: null };
  // An EventSource may keep to itself what a listener throws.
  const expect = (isSo, what) => { if (!isSo) state.fault ??= what; };
  const source = new Source(`${base}/v1/events?from=1`);
  source.onopen = () => { state.openings += 1; };
  source.onmessage = ({ data, lastEventId }) => {
    const { sequence } = JSON.parse(data);
    expect(Number(sequence) === state.heard + 1, `${sequence} came after ${state.heard}`);
    expect(lastEventId === sequence, `the id of ${sequence} is ${lastEventId}`);
    state.heard += 1;
  };
  source.onerror = () => expect(source.readyState !== 2, 'the EventSource has given up');
  return { state, source };
}

async function load(sender, state) {
  const accounts = { debit_account_id: '1', credit_account_id: '2' };
  for (let at = 1; !existsSync(end); at += 1) {
    const id = String(sender * 1_000_000 + at);
    const transfer = { id, ...accounts, amount: '5', ledger: 978, code: 1 };
    const outcome = await send('/v1/transfers', transfer, `key-${id}`);
    // Executed twice, it would be `exists`.
    check(outcome.status === 'created', JSON.stringify(outcome));
    state.last = Math.max(state.last, Number(outcome.sequence));
    state.sent += 1;
  }
}

for (const id of ['1', '2']) await send('/v1/accounts', { id, ledger: 978, code: 1 }, `a${id}`);
const { state, source } = listen();
const sent = { sent: 0, last: 0 };
await Promise.all(Array.from({ length: SENDERS }, (_, sender) => load(sender + 1, sent)));
const start = Date.now();
while (state.heard < sent.last && state.fault === null) {
  check(Date.now() - start < TIME_MAX, `heard ${state.heard} of ${sent.last}`);
  await sleep(20);
}
source.close();
check(state.fault === null, state.fault);
console.log(`sent ${sent.sent}, heard ${state.heard}, opened ${state.openings}`);
process.exit(0);
