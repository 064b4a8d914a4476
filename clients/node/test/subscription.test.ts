/** What a subscription tells, and how it resumes, against a real engine. */
import assert from 'node:assert/strict';

import {
  HistoryChanged, Superseded, TooFarBehind, type Message, type Subscription,
} from '../src/index.js';
import { Engine, connect, engineTest, openAccounts, payment, until } from './engine.js';

/** The first messages of a subscription. */
async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of subscription) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

engineTest('messages have names, commands and origins', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { session: 'named' });
  await openAccounts(client);
  await client.execute('create_transfer', [payment(10, 7)], { tag: 5 });
  await client.transfer(payment(10, 8));
  await client.transfer(payment(10, 7));
  await client.transfer({ ...payment(11), flags: ['pending'] });
  await client.transfer({ id: 12, pending_id: 11, flags: ['void_pending_transfer'] });
  await client.lookupAccount(1);
  const messages = await take(client.subscribe({ from: 'oldest' }), 8);
  assert.deepEqual(messages.map(({ name }) => name), [
    'account', 'account', 'settled', 'refused', 'repeated', 'reserved', 'voided', 'looked_up',
  ]);
  assert.deepEqual(messages.map(({ position }) => position), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  const settled = messages[2]!;
  assert.ok(settled.name === 'settled');
  assert.equal(settled.command.amount, 7n);
  assert.equal(settled.outcome.id, 10n);
  assert.deepEqual([settled.origin!.tag, settled.origin!.number], [5n, 2n]);
  const [later] = await take(client.subscribe({ from: 7n, wants: ['outcomes'] }), 1);
  assert.ok(later?.name === 'transfer');
  assert.equal(later.command, undefined);
  const [filtered] = await take(client.subscribe({ after: 2n, onlySuccesses: true }), 1);
  assert.equal(filtered!.sequence, 3n);
});

engineTest('listeners hear typed events', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { follow: { from: 'oldest' } });
  const heard: string[] = [];
  let position = 0n;
  client.on('settled', (message) => {
    heard.push(message.kind === 'outcome' ? `settled ${message.command.id}` : 'settled later');
  });
  client.on('refused', ({ outcome }) => heard.push(`refused ${outcome.status}`));
  client.on('queued', ({ outcome }) => heard.push(`queued ${outcome.id}`));
  client.on('released', ({ event }) => heard.push(`released ${event.body.id} ${event.body.by}`));
  client.on('position', (at) => (position = at));
  const flags = ['debits_must_not_exceed_credits' as const];
  await openAccounts(client);
  await client.createAccount({ id: 3, ledger: 978, code: 1, flags });
  const fromThree = { debit_account_id: 3, credit_account_id: 2 };
  await client.transfer({ ...payment(20, 5), ...fromThree });
  await client.transfer({ ...payment(21, 5), ...fromThree, flags: ['queue'] });
  await client.transfer({ ...payment(22, 5), credit_account_id: 3 });
  await until(() => position >= 6n, 'everything was heard');
  assert.deepEqual(heard, [
    'refused exceeds_credits', 'queued 21', 'released 21 release', 'settled later', 'settled 22',
  ]);
  assert.equal(client.following!.position, position);
});

engineTest('trades and orders are heard, and pending transfers expire', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  const accounts = [1, 2, 3, 11, 12].map((id) => ({
    id, ledger: id % 10 === 1 ? 1 : 2, code: 1,
  }));
  await client.execute('create_account', accounts);
  await client.createMarket({
    id: 5, base_ledger: 1, quote_ledger: 2, base_account_id: 1, quote_account_id: 2,
    fee_account_id: 3, lot: 1, tick: 1,
  });
  await client.createAccount({ id: 21, ledger: 1, code: 1 });
  await client.createAccount({ id: 22, ledger: 2, code: 1 });
  const subscription = client.subscribe();
  const heard: Message[] = [];
  const [trade, expired] = ['trade', 'expired'].map(
    (name) => () => heard.find((each) => each.name === name),
  );
  subscription.on('message', (message) => heard.push(message));
  await until(() => subscription.history !== undefined, 'it follows');
  const order = { market: 5, quantity: 10, price: 7 };
  const sell = { ...order, side: 'sell' as const, base_account_id: 11, quote_account_id: 12 };
  const buy = { ...order, side: 'buy' as const, base_account_id: 21, quote_account_id: 22 };
  // It may begin a little later than it was asked to.
  for (let id = 100; !trade!(); id += 2) {
    await client.placeOrder({ id, ...sell });
    await client.placeOrder({ id: id + 1, ...buy });
  }
  const reserve = { debit_account_id: 12, credit_account_id: 22, ledger: 2, code: 1 };
  await client.transfer({ id: 9, ...reserve, amount: 1, flags: ['pending'], timeout: 1 });
  await until(() => expired!() !== undefined, 'the transfer expired');
  const traded = trade!()!;
  assert.ok(traded.kind === 'event' && traded.event.kind === 'trade');
  assert.deepEqual([traded.event.body.price, traded.event.body.quantity], [7n, 10n]);
  const lapsed = expired!()!;
  assert.ok(lapsed.name === 'expired');
  assert.equal(lapsed.event.body.id, 9n);
  subscription.close();
});

engineTest('a subscription goes on after kills, without a gap and without a repeat', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address, { session: 'steady' });
  await openAccounts(client);
  const subscription = client.subscribe({ from: 3n, operations: ['create_transfer'] });
  const heard: bigint[] = [];
  const following = (async () => {
    for await (const message of subscription) {
      if (message.kind === 'outcome') heard.push(message.outcome.id);
      if (heard.length === 300) break;
    }
  })();
  for (let round = 0; round < 3; round++) {
    const first = 1000 + 100 * round;
    const calls = Array.from({ length: 100 }, (_, at) => client.transfer(payment(first + at)));
    if (round > 0) {
      await engine.kill();
      await engine.start();
    }
    await Promise.all(calls);
  }
  await following;
  assert.deepEqual(heard, Array.from({ length: 300 }, (_, at) => BigInt(1000 + at)));
});

engineTest('a name keeps the place, and a later holder takes it over', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  await openAccounts(client);
  let first = 0n;
  for (let round = 0; round < 2; round++) {
    const books = client.subscribe({ name: 'books', begin: 'oldest' });
    for await (const message of books) {
      first = message.sequence;
      // The engine takes it in also where the connection ends at once.
      books.acknowledge(1n);
      break;
    }
  }
  assert.equal(first, 2n, 'it begins after what was acknowledged');
  const earlier = client.subscribe({ name: 'books' });
  const errors: Error[] = [];
  let heard = 0;
  earlier.on('error', (error) => errors.push(error)).on('message', () => (heard += 1));
  await until(() => heard > 0, 'the earlier one follows');
  const later = client.subscribe({ name: 'books' });
  later.on('message', () => undefined);
  await until(() => errors.length > 0, 'the earlier one is told');
  assert.ok(errors[0] instanceof Superseded);
  assert.throws(() => client.subscribe().acknowledge(1n), TypeError);
});

engineTest('what cannot be followed is told', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  await openAccounts(client);
  const ahead = take(client.subscribe({ after: 1000n }), 1);
  await assert.rejects(ahead, HistoryChanged);
  const history = { ...client.history!, epoch: 7 };
  await assert.rejects(take(client.subscribe({ after: 0n, history }), 1), HistoryChanged);
  assert.throws(() => client.subscribe({ from: 1n, after: 1n }), TypeError);
  assert.throws(() => client.subscribe({ ledgers: Array(1025).fill(1) }), RangeError);
  const once = client.subscribe();
  once[Symbol.asyncIterator]();
  assert.throws(() => once[Symbol.asyncIterator](), TypeError);
  assert.ok(new TooFarBehind(23, 5n, 'gone').value === 5n);
});

engineTest('an engine without an outcome log cannot be followed', async (t) => {
  const engine = await Engine.start(t, '--outcome-log', 'off');
  const client = await connect(t, engine.address);
  await openAccounts(client);
  const begun = performance.now();
  await assert.rejects(take(client.subscribe(), 1), { reason: 'no_outcome_log' });
  assert.ok(performance.now() - begun < 30_000, 'it gives up');
});

engineTest('a program that does not take messages slows itself alone', async (t) => {
  const engine = await Engine.start(t);
  const client = await connect(t, engine.address);
  await openAccounts(client);
  const subscription = client.subscribe({ from: 'oldest', waitingMax: 16 });
  const messages = subscription[Symbol.asyncIterator]();
  await messages.next();
  const ids = Array.from({ length: 20_000 }, (_, at) => payment(100 + at));
  for (let at = 0; at < ids.length; at += 5000) {
    await client.execute('create_transfer', ids.slice(at, at + 5000));
  }
  let count = 1;
  for await (const { position } of messages) {
    count += 1;
    if (position === 20_002n) break;
  }
  assert.equal(count, 20_002);
});
