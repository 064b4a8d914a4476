/** Commands, look-ups and sessions against a real engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AMOUNT_MAX, Client, ConnectionLost, HistoryChanged, Superseded, TooManyWaiting, TransferFlags,
  type Replayed,
} from '../src/index.js';
import { Engine, connect, engineTest, openAccounts, payment, until } from './engine.js';

engineTest('batches and look-ups', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  await openAccounts(client);
  const outcomes = await client.execute('create_transfer', [payment(11), payment(12, 5)]);
  assert.deepEqual(outcomes.map(({ status, id }) => [status, id]), [
    ['created', 11n], ['created', 12n],
  ]);
  assert.equal((await client.lookupAccount(2))?.credits_posted, 6n);
  assert.equal(await client.lookupAccount(9), undefined);
  const [again] = await client.execute('create_transfer', [payment(11, 2)]);
  assert.equal(again!.status, 'exists_with_different_amount');
  assert.ok(again!.isRefused && !again!.isSuccess);
});

engineTest('single commands of one turn share a batch; chains and imports do not', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { session: 'shared' });
  await openAccounts(client);
  const linked = { ...payment(104), flags: ['linked' as const] };
  const calls = [
    client.transfer(payment(101)),
    client.transfer(payment(102, 0x7fffffff)),
    client.lookupAccount(1),
    client.transfer(payment(103)),
    client.transfer(linked),
    client.transfer(payment(105)),
  ] as const;
  const wrong = client.transfer({ ...payment(106), ammount: 3 } as never);
  await assert.rejects(wrong, new TypeError('unknown field ammount of create_transfer'));
  const [, , account, , chained] = await Promise.all(calls);
  assert.equal(account!.debits_posted, 0x80000000n, 'in the order of the calls');
  assert.equal(chained!.status, 'linked_event_chain_open');
  await client.close();
  await engine.kill('SIGTERM');
  const lengths = engine.dump().map((batch) => batch.length);
  assert.deepEqual(lengths, [2, 2, 1, 1, 1, 1]);
});

engineTest('pending transfers, queues, policies and imports', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  const old = { id: 9, ledger: 840, code: 1, flags: ['imported' as const], timestamp: 1n };
  const imported = await client.createAccount(old);
  assert.equal(imported.status, 'created');
  assert.equal(imported.timestamp, 1n);
  const limited = ['debits_must_not_exceed_credits' as const];
  await client.execute('create_account', [
    { id: 1, ledger: 978, code: 1 },
    { id: '2', ledger: 978, code: 1, flags: limited },
  ]);
  const pending = { ...payment(21n, 40), flags: TransferFlags.pending, timeout: 3600 };
  assert.equal((await client.transfer(pending)).status, 'created');
  assert.equal((await client.lookupTransfer(21))!.pending_status, 'pending');
  const post = await client.transfer({
    id: 22, pending_id: 21, flags: ['post_pending_transfer'],
  });
  assert.equal(post.status, 'created');
  assert.equal((await client.lookupTransfer(22))!.amount, 40n, 'the whole amount');
  const back = { ...payment(23, 100), debit_account_id: 2, credit_account_id: 1 };
  assert.equal((await client.transfer({ ...back, flags: ['queue'] })).status, 'queued');
  assert.deepEqual(await client.lookupQueue(2), { amount: 100n, head_id: 23n, count: 1n });
  assert.equal((await client.requeueTransfer(23, true)).status, 'ok');
  assert.deepEqual((await client.resolveQueues(978)).resolution, { settled: 0n, amount: 0n });
  assert.equal((await client.cancelQueuedTransfer(23)).status, 'ok');
  assert.equal((await client.lookupTransfer(23))!.queue_status, 'cancelled');
  await client.setAccountPolicy({ account_id: 1, debit_amount_max: 5, frozen: 'none' });
  assert.equal((await client.transfer(payment(24, 6))).status, 'risk_debit_amount_exceeded');
  await client.setPairPolicy({ debit_account_id: 1, credit_account_id: 2, blocked: true });
  assert.equal((await client.transfer(payment(25))).status, 'risk_pair_blocked');
  await client.setLedgerPolicy({ ledger: 978, halted: true });
  assert.equal((await client.transfer(payment(26))).status, 'risk_ledger_halted');
});

engineTest('markets and orders', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  const ids = [1, 2, 3, 11, 12, 21, 22];
  const ledgerOf = (id: number) => ([1, 11, 21].includes(id) ? 1 : 2);
  const accounts = ids.map((id) => ({ id, ledger: ledgerOf(id), code: 1 }));
  await client.execute('create_account', accounts);
  const market = await client.createMarket({
    id: 5, base_ledger: 1, quote_ledger: 2, base_account_id: 1, quote_account_id: 2,
    fee_account_id: 3, lot: 1, tick: 1,
  });
  assert.equal(market.status, 'created');
  const sell = { id: 31, market: 5, side: 'sell' as const, quantity: 10, price: 7 };
  const resting = await client.placeOrder({ ...sell, base_account_id: 11, quote_account_id: 12 });
  assert.deepEqual(resting.order, { status: 'open', filled: 0n, remaining: 10n });
  const buy = { ...sell, id: 32, side: 'buy' as const, quantity: 4n };
  const taken = await client.placeOrder({ ...buy, base_account_id: 21, quote_account_id: 22 });
  assert.deepEqual(taken.order, { status: 'filled', filled: 4n, remaining: 0n });
  const found = await client.lookupMarket(5);
  assert.deepEqual([found!.bids, found!.asks], [[], [{ quantity: 6n, price: 7n, orders: 1n }]]);
  assert.equal((await client.amendOrder({ id: 31, quantity: 5 })).order!.remaining, 5n);
  assert.equal((await client.lookupOrder(31))!.filled, 4n);
  assert.equal((await client.cancelOrder(31)).order!.status, 'cancelled');
  assert.equal(await client.lookupOrder(99), undefined);
});

engineTest('integers of 128 bits survive, and what is none is refused', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  const id = AMOUNT_MAX - 1n;
  const user_data_128 = '340282366920938463463374607431768211455';
  const account = { id: String(id), ledger: 0xffffffff, code: 0xffff };
  const data = { user_data_64: 2n ** 64n - 1n, user_data_32: 7 };
  await client.createAccount({ ...account, user_data_128, ...data });
  const found = (await client.lookupAccount(id))!;
  assert.equal(found.id, id);
  assert.equal(found.user_data_128, AMOUNT_MAX);
  assert.deepEqual([found.user_data_64, found.user_data_32, found.ledger], [
    2n ** 64n - 1n, 7, 0xffffffff,
  ]);
  for (const bad of [-1, 1.5, 2 ** 53, -1n, 2n ** 128n, 'ten', '', null, {}]) {
    await assert.rejects(client.lookupAccount(bad as never), RangeError, String(bad));
  }
  await assert.rejects(client.createAccount({ id: 1, ledger: 2 ** 32, code: 1 }), RangeError);
  await assert.rejects(client.execute('create_transfer', []), RangeError);
  await assert.rejects(client.execute('nothing' as never, [{}] as never), TypeError);
});

engineTest('a stream takes no more than the engine allows, and keeps the order', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { inFlightCommandsMax: 64 });
  await openAccounts(client);
  let taken = 0;
  async function* payments() {
    for (let id = 1000; id < 3000; id++) {
      taken += 1;
      yield payment(id);
    }
  }
  let next = 1000n;
  let ahead = 0;
  for await (const outcome of client.stream('create_transfer', payments())) {
    assert.equal(outcome.id, next);
    next += 1n;
    ahead = Math.max(ahead, taken - Number(next - 1000n));
  }
  assert.equal(next, 3000n);
  assert.ok(ahead <= 130, `${ahead} commands ahead`);
  const failing = client.stream('create_transfer', [payment(1), { id: -1 }]);
  await assert.rejects(async () => {
    for await (const { status } of failing) assert.equal(status, 'created');
  }, RangeError);
});

engineTest('send waits for room, and what waits has a limit', async (t) => {
  const engine = await Engine.start(t);
  const options = { session: 'room', inFlightCommandsMax: 4, waitingMax: 10 };
  const client = await connect(t, engine.address, options);
  await openAccounts(client);
  await engine.kill();
  await until(() => client.unanswered === 0, 'nothing is under way');
  const batch = (at: number) => Array.from({ length: 4 }, (_, n) => payment(10 * at + n));
  const sends = [1, 2, 3].map((at) => client.send('create_transfer', batch(at)));
  await assert.rejects(sends[2]!, TooManyWaiting);
  await engine.start();
  for (const send of sends.slice(0, 2)) {
    const statuses = (await (await send).outcomes).map(({ status }) => status);
    assert.deepEqual(statuses, Array(4).fill('created'));
  }
  await client.room();
  await client.drain();
});

engineTest('a session is taken over', async (t) => {
  const engine = await Engine.start(t);
  const first = await connect(t, engine.address, { session: 'one' });
  await openAccounts(first);
  const second = await connect(t, engine.address, {
    session: 'one', lastSequence: first.lastSequence, lastNumber: first.lastNumber,
  });
  await second.lookupAccount(1);
  await assert.rejects(first.lookupAccount(1), Superseded);
  assert.equal((await second.lookupAccount(1))!.id, 1n);
});

engineTest('outcomes that an earlier life did not deal with come again', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { session: 'life' });
  await openAccounts(client);
  await client.execute('lookup_account', [{ id: 1 }], { tag: 77 });
  const { lastSequence, lastNumber, history } = client;
  await client.execute('lookup_account', [{ id: 2 }, { id: 9 }], { tag: 78 });
  await client.close();
  await engine.kill();
  await engine.start();
  const replayed: Replayed[] = [];
  const next = await connect(t, engine.address, {
    session: 'life', lastSequence, lastNumber, history,
    onReplayed: (each) => replayed.push(each),
  });
  await next.lookupAccount(1);
  assert.deepEqual(replayed.map(({ number, tag }) => [number, tag]), [[3n, 78n]]);
  const [found, missing] = replayed[0]!.outcomes;
  assert.deepEqual([found!.status, missing!.status], ['found', 'not_found']);
  assert.equal((found!.found as unknown as { id: bigint }).id, 2n);
});

engineTest('another history is told, and nothing is sent', async (t) => {
  const [engine, other] = [await Engine.start(t), await Engine.start(t)];
  const client = await connect(t, engine.address, { session: 'known' });
  await openAccounts(client);
  const { history, lastSequence } = client;
  const strange = [
    { session: 'never', lastSequence: 1n },
    { session: 'known', lastSequence: 9n },
    { session: 'known', history: { ...history!, epoch: 1 } },
  ];
  for (const options of strange) {
    await assert.rejects(Client.connect(engine.address, options), HistoryChanged);
  }
  const known = { session: 'known', lastSequence, history };
  await assert.rejects(Client.connect(other.address, known), HistoryChanged);
});

engineTest('without a session a lost connection is told, and the client goes on', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  await openAccounts(client);
  let losses = 0;
  client.on('disconnected', () => (losses += 1));
  await engine.kill();
  await until(() => losses > 0, 'the connection is lost');
  const waiting = client.lookupAccount(1);
  await engine.start();
  assert.equal((await waiting)!.id, 1n, 'what was not sent is sent on the new connection');
  const { outcomes } = await client.send('lookup_account', [{ id: 1 }]);
  await client.close();
  await assert.rejects(outcomes, ConnectionLost);
  await assert.rejects(client.lookupAccount(1), ConnectionLost);
});

test('an address that leads nowhere is told', async () => {
  const options = { retrySeconds: 0.2 };
  await assert.rejects(Client.connect('unix:/nowhere/socket', options), { code: 'ENOENT' });
  await assert.rejects(Client.connect('nowhere', options), TypeError);
  await assert.rejects(Client.connect('unix:/nowhere/socket', { tls: true }), TypeError);
});
