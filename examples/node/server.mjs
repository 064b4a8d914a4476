// A web server that takes payments and shows what happens, in front of a running engine.
//
//   npm start --prefix examples/node -- unix:PATH [PORT]
//
//   curl -d '{"id":"1","from":"2","to":"1","amount":"500"}' localhost:8080/payments
//   curl localhost:8080/accounts/1
//   curl -N localhost:8080/events
//
// Payments that arrive together share batches. Each has the id that its sender chose, so a sender
// that got no answer sends it again: it is executed once.
import http from 'node:http';
import { Client } from 'ringfence';

const LEDGER = 978;
const BODY_BYTES_MAX = 64 * 1024;
const [address = 'unix:demo/ringfence.sock', port = '8080'] = process.argv.slice(2);

/** Amounts and ids are wider than the numbers of JSON, so they become strings. */
function toJson(value) {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each));
}

function answer(response, code, value) {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${toJson(value)}\n`);
}

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > BODY_BYTES_MAX) throw new RangeError('the request is too long');
  }
  return JSON.parse(body);
}

async function pay(client, request, response) {
  const { id, from, to, amount } = await bodyOf(request);
  const accounts = { debit_account_id: from, credit_account_id: to };
  const outcome = await client.transfer({ id, ...accounts, amount, ledger: LEDGER, code: 1 });
  const { sequence, status, timestamp } = outcome;
  answer(response, outcome.isSuccess ? 201 : 422, { id, status, sequence, timestamp });
}

async function showAccount(client, id, response) {
  const account = await client.lookupAccount(id);
  if (account) answer(response, 200, account);
  else answer(response, 404, { error: 'there is no such account' });
}

/** Server-Sent Events: a page can listen to them with EventSource, which resumes by itself. */
async function showEvents(client, request, response) {
  const last = request.headers['last-event-id'];
  const place = /^[0-9]{1,19}$/.test(last ?? '') ? { after: BigInt(last) } : { from: 'now' };
  const subscription = client.subscribe(place);
  response.on('close', () => subscription.close());
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  for await (const { name, position, sequence, outcome, event, command } of subscription) {
    const data = toJson({ sequence, ...outcome, ...event, command });
    const isWritten = response.write(`id: ${position}\nevent: ${name}\ndata: ${data}\n\n`);
    // Who reads slowly slows this subscription alone.
    if (!isWritten && !response.destroyed) {
      await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    }
  }
}

async function serve(client, request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const account = /^\/accounts\/([0-9]{1,39})$/.exec(pathname);
  if (request.method === 'POST' && pathname === '/payments') {
    await pay(client, request, response);
  } else if (request.method === 'GET' && account) {
    await showAccount(client, account[1], response);
  } else if (request.method === 'GET' && pathname === '/events') {
    await showEvents(client, request, response);
  } else {
    answer(response, 404, { error: 'there is no such page' });
  }
}

/** A mistake of the sender is 400; anything else is told as it is, and worth another try. */
function refuse(response, error) {
  const isMistake = [SyntaxError, RangeError, TypeError].some((kind) => error instanceof kind);
  if (response.headersSent) response.destroy();
  else answer(response, isMistake ? 400 : 503, { error: error.message });
}

const client = await Client.connect(address);
client.on('settled', ({ name, sequence }) => console.log(`payment ${name} by command ${sequence}`));
client.on('refused', ({ outcome }) => console.log(`${outcome.op} refused: ${outcome.status}`));
client.on('error', (error) => console.error(`events have ended: ${error.message}`));
client.on('closed', (error) => console.error(`the client has ended: ${error.message}`));

await client.execute('create_account', [
  { id: 1, ledger: LEDGER, code: 1, flags: ['debits_must_not_exceed_credits'] },
  { id: 2, ledger: LEDGER, code: 1 },
]);
const server = http.createServer((request, response) => {
  serve(client, request, response).catch((error) => refuse(response, error));
});
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`ready on http://127.0.0.1:${server.address().port}`);
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections?.();
    void client.close();
  });
}
