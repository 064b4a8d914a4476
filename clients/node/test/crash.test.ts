/** Every request takes effect once, whatever is cut or killed. */
import assert from 'node:assert/strict';

import { sessionId, type Client, type Outcome, type Status } from '../src/index.js';
import {
  Cutter, Engine, connect, dice, engineTest, openAccounts, pause, payment,
} from './engine.js';

/** Rounds of kills and cuts; more of them on demand. */
const ROUNDS = Number(process.env['RINGFENCE_CRASH_ROUNDS'] ?? 3);
const NAMES = ['payer 0', 'payer 1', 'payer 2'];
const BATCHES = 150;

interface Paid {
  lengths: number[];
  outcomes: Promise<Outcome[]>[];
}

/** Sends one batch: payments with ids of their own, or policies, which have none. */
function execute(client: Client, payer: number, tag: number, length: number): Promise<Outcome[]> {
  const make = <C>(command: (at: number) => C) => Array.from({ length }, (_, at) => command(at));
  if (tag % 3 === 0) {
    const debit_rate = { count: 1_000_000 + tag, window_seconds: 1 };
    const policies = make(() => ({ account_id: 1, debit_rate }));
    return client.execute('set_account_policy', policies, { tag });
  }
  const first = 1_000_000 * (payer + 1) + 10 * tag;
  return client.execute('create_transfer', make((at) => payment(first + at)), { tag });
}

async function pay(client: Client, payer: number, random: () => number): Promise<Paid> {
  const paid: Paid = { lengths: [], outcomes: [] };
  for (let number = 1; number <= BATCHES; number++) {
    const length = 1 + Math.floor(3 * random());
    paid.lengths.push(length);
    paid.outcomes.push(execute(client, payer, number, length));
    if (number % 10 === 0) await pause(30 * random());
  }
  await Promise.all(paid.outcomes);
  return paid;
}

function assertAllTookEffect(name: string, outcomes: Outcome[]): void {
  const good: Status[] = ['created', 'ok'];
  let last = 0n;
  for (const { sequence, status } of outcomes) {
    assert.ok(good.includes(status), `${name}: command ${sequence} has the status ${status}`);
    assert.ok(sequence > last, `${name}: command ${sequence} came after ${last}`);
    last = sequence;
  }
}

/** Requests of each session as the journal has them: number, commands, tag. */
function journaled(engine: Engine): Map<string, number[][]> {
  const sessions = new Map<string, number[][]>();
  for (const batch of engine.dump()) {
    const { session, request, tag } = batch[0]!;
    if (session === undefined) continue;
    const requests = sessions.get(String(session)) ?? [];
    sessions.set(String(session), requests);
    requests.push([Number(request), batch.length, Number(tag)]);
  }
  return sessions;
}

for (let seed = 0; seed < ROUNDS; seed++) {
  engineTest(`every request takes effect once, whatever is cut or killed: ${seed}`, async (t) => {
    const random = dice(seed);
    const engine = await Engine.start(t);
    const cutter = new Cutter(t, engine, random);
    await openAccounts(await connect(t, engine.address));
    let isOver = false;
    const payers = NAMES.map(async (session, payer) => {
      const client = await connect(t, cutter.address, { session });
      return pay(client, payer, random);
    });
    const paid = Promise.all(payers).finally(() => (isOver = true));
    let kills = 0;
    while (!isOver && kills < 5) {
      await pause(250 * random());
      await engine.kill();
      await engine.start();
      kills += 1;
    }
    cutter.cuts = false;
    const all = await paid;
    assert.ok(kills > 0);
    for (const [payer, { outcomes }] of all.entries()) {
      assertAllTookEffect(NAMES[payer]!, (await Promise.all(outcomes)).flat());
    }
    await engine.kill('SIGTERM');
    const seen = journaled(engine);
    assert.equal(seen.size, NAMES.length);
    for (const [payer, { lengths }] of all.entries()) {
      const expected = lengths.map((length, at) => [at + 1, length, at + 1]);
      assert.deepEqual(seen.get(String(sessionId(NAMES[payer]!))), expected, NAMES[payer]);
    }
  });
}
