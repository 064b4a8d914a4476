// Pays with a client whose types were generated. Every response is compared with the document.

import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const [address, document] = process.argv.slice(2) as [string, string];
const api = JSON.parse(readFileSync(document, 'utf8'));

function check(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

/** Members that the document does not name are mistakes here; clients pass over them. */
function closed(schema: any): any {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const all = Object.fromEntries(Object.entries(schema).map(([name, of]) => [name, closed(of)]));
  return 'properties' in all ? { ...all, additionalProperties: false } : all;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'api', ...closed(api) });
const known = new Map<string, ValidateFunction>();

/** What checks the response of an operation that has this status. */
function validator(method: string, template: string, status: number): ValidateFunction {
  const responses = api.paths[template][method].responses;
  const response = responses[status];
  check(response !== undefined, `${method} ${template}: ${status} is not in the document`);
  const media = Object.keys(response.content)[0]!;
  const steps = ['paths', template, method, 'responses', `${status}`, 'content', media, 'schema'];
  const escaped = steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1'));
  const pointer = `api#/${escaped.map(encodeURIComponent).join('/')}`;
  if (!known.has(pointer)) known.set(pointer, ajv.compile({ $ref: pointer }));
  return known.get(pointer)!;
}

const client = createClient<paths>({ baseUrl: address });
const tried = new Set<string>();
client.use({
  async onResponse({ request, response, schemaPath }) {
    const method = request.method.toLowerCase();
    const validate = validator(method, schemaPath, response.status);
    const type = response.headers.get('content-type') ?? '';
    const text = await response.clone().text();
    const body = type.includes('json') ? JSON.parse(text) : text;
    const where = `${method} ${schemaPath} ${response.status}`;
    check(validate(body), `${where}: ${ajv.errorsText(validate.errors)}: ${text}`);
    tried.add(where);
    return undefined;
  },
});

type Outcome = components['schemas']['Outcome'];

/** The outcome of a single command. */
function outcomeOf(data: Outcome | Outcome[] | undefined, status: Outcome['status']): Outcome {
  const outcome = Array.isArray(data) ? data[0] : data;
  check(outcome?.status === status, `${status} was expected: ${JSON.stringify(data)}`);
  return outcome!;
}

const key = (text: string) => ({ header: { 'Idempotency-Key': text } });
const accounts = { debit_account_id: '1', credit_account_id: '2', ledger: 978, code: 1 };

async function pay(): Promise<void> {
  const both = [1, 2, 3, 4, 5].map((id) => ({ id: `${id}`, ledger: id < 4 ? 978 : 840, code: 1 }));
  const made = await client.POST('/v1/accounts', { body: both });
  check(Array.isArray(made.data) && made.data.length === 5, JSON.stringify(made));
  const transfer = { id: '10', amount: '5', ...accounts };
  const first = await client.POST('/v1/transfers', { params: key('a'), body: transfer });
  outcomeOf(first.data as Outcome, 'created');
  check(first.response.status === 201, `${first.response.status}`);
  const again = await client.POST('/v1/transfers', { params: key('a'), body: transfer });
  check(again.response.headers.get('idempotent-replayed') === 'true', 'it was sent before');
  const eleven = { ...transfer, id: '11' };
  const other = await client.POST('/v1/transfers', { params: key('a'), body: eleven });
  check(other.response.status === 409, `${other.response.status}`);
  const refused = await client.POST('/v1/transfers', {
    body: { ...transfer, id: '12', credit_account_id: '99' },
  });
  check(refused.response.status === 422, `${refused.response.status}`);
  const pending = { ...transfer, id: '13', flags: ['pending' as const], timeout: 60 };
  outcomeOf((await client.POST('/v1/transfers', { body: pending })).data as Outcome, 'created');
  const later = await client.POST('/v1/transfers', {
    params: { header: { 'Idempotency-Key': 'later', Prefer: 'respond-async' } },
    body: { ...transfer, id: '14' },
  });
  check([201, 202].includes(later.response.status), `${later.response.status}`);
  const request = await client.GET('/v1/requests/{key}', { params: { path: { key: 'a' } } });
  outcomeOf(request.data as Outcome, 'created');
}

async function trade(): Promise<void> {
  const market = {
    id: 7, base_ledger: 978, quote_ledger: 840, lot: '1', tick: '1', base_account_id: '3',
    quote_account_id: '4', fee_account_id: '4',
  };
  await client.POST('/v1/markets', { body: market });
  const order = {
    id: '70', market: 7, side: 'buy' as const, time_in_force: 'gtc' as const,
    base_account_id: '1', quote_account_id: '5', price: '2', quantity: '3',
  };
  await client.POST('/v1/orders', { body: order });
  for (const id of ['7', '70', '8']) {
    await client.GET('/v1/markets/{id}', { params: { path: { id } } });
    await client.GET('/v1/orders/{id}', { params: { path: { id } } });
  }
}

async function command(): Promise<void> {
  const commands: components['schemas']['Command'][] = [
    { op: 'set_account_policy', account_id: '1', debit_amount_max: '1000', frozen: 'none' },
    { op: 'set_ledger_policy', ledger: 978, amount_max: 'max' },
    { op: 'set_pair_policy', debit_account_id: '1', credit_account_id: '3', blocked: true },
    { op: 'resolve_queues', ledger: 978 },
    { op: 'lookup_account', id: '1' },
    { op: 'cancel_order', id: '71' },
  ];
  for (const body of commands) await client.POST('/v1/commands', { body });
}

async function look(): Promise<void> {
  const account = await client.GET('/v1/accounts/{id}', { params: { path: { id: '1' } } });
  check(outcomeOf(account.data, 'found').account?.debits_posted === '10', JSON.stringify(account));
  await client.GET('/v1/transfers/{id}', { params: { path: { id: '10' } } });
  await client.GET('/v1/transfers/{id}', { params: { path: { id: '13' } } });
  await client.GET('/v1/queues/{id}', { params: { path: { id: '1' } } });
  const none = await client.GET('/v1/accounts/{id}', { params: { path: { id: '999' } } });
  check(none.response.status === 404, `${none.response.status}`);
  const wrong = await client.GET('/v1/accounts/{id}', { params: { path: { id: 'x' } } });
  check(wrong.error !== undefined && wrong.response.status === 400, 'an id is a number');
  const query = { from: 'oldest', commands: true, limit: 1000 };
  const page = await client.GET('/v1/outcomes', { params: { query } });
  check((page.data?.items.length ?? 0) > 10, JSON.stringify(page.data));
  await client.GET('/v1/stats', {});
  for (const path of ['/livez', '/readyz', '/metrics'] as const) {
    await client.GET(path, { parseAs: 'text' });
  }
}

await pay();
await trade();
await command();
await look();
console.log(`compared with the document: ${[...tried].sort().join(', ')}`);
