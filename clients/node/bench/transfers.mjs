// Transfers a second against a running engine: batches, and single calls that share batches.
//
//   node bench/transfers.mjs unix:PATH [TRANSFERS]
//
// Accounts and transfers get ids from the clock, so it can be run again on the same engine.
import { Client } from '../dist/esm/index.js';

const [address, count = '200000'] = process.argv.slice(2);
const BATCH = 1000;
const transfers = Number(count);
const first = BigInt(Date.now()) << 32n;
const debit_account_id = first;
const credit_account_id = first + 1n;

function payment(at) {
  const id = first + 2n + BigInt(at);
  return { id, debit_account_id, credit_account_id, amount: 1, ledger: 978, code: 1 };
}

function assertCreated(outcomes) {
  const wrong = outcomes.find(({ status }) => status !== 'created');
  if (wrong) throw new Error(`transfer ${wrong.id}: ${wrong.status}`);
}

async function batches(client, from) {
  const sent = [];
  for (let at = 0; at < transfers; at += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, of) => payment(from + at + of));
    sent.push((await client.send('create_transfer', batch)).outcomes);
  }
  for (const outcomes of sent) assertCreated(await outcomes);
}

async function singles(client, from) {
  const source = function* () {
    for (let at = 0; at < transfers; at++) yield payment(from + at);
  };
  for await (const outcome of client.stream('create_transfer', source())) assertCreated([outcome]);
}

/** 64 callers, each of which waits for its outcome before the next call. */
async function callers(client, from) {
  const each = Math.floor(transfers / 10 / 64);
  const call = async (caller) => {
    for (let at = 0; at < each; at++) {
      assertCreated([await client.transfer(payment(from + caller * each + at))]);
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, caller) => call(caller)));
  return 64 * each;
}

const client = await Client.connect(address, { session: first });
const account = { ledger: 978, code: 1 };
await client.execute('create_account', [
  { id: debit_account_id, ...account },
  { id: credit_account_id, ...account },
]);
let from = 0;
for (const run of [batches, batches, singles, singles, callers]) {
  const begun = performance.now();
  const cpuBefore = process.cpuUsage();
  const done = (await run(client, from)) ?? transfers;
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  from += done;
  const rate = Math.round(done / seconds).toLocaleString('en');
  const cpu = ((user + system) / done).toFixed(2);
  console.log(`${run.name}: ${rate} transfers/s, ${cpu} us of this process for each`);
}
await client.close();
