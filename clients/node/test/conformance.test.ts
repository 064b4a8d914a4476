/** The conformance cases of the protocol, which every client is tested with. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { readCommand } from '../src/bodies.js';
import { BODY_BYTES } from '../src/commands.js';
import { Decoder, type RawCommands, type Reply } from '../src/decode.js';
import {
  HEARTBEAT, STARTS, VERSION, WANTS, acknowledge, batchOf, hello, subscribe, type Want,
} from '../src/encode.js';
import { ProtocolError, Refused } from '../src/errors.js';
import * as numbers from '../src/numbers.js';
import type { Op } from '../src/numbers.js';
import type { Outcome } from '../src/outcome.js';
import { STATUSES } from '../src/statuses.js';
import { ROOT } from './repository.js';

type Fields = Record<string, any>;

interface Case {
  name: string;
  after: string[];
  hex: string;
  message: Fields;
  from_header?: boolean;
}

function cases(name: string): Case[] {
  const path = join(ROOT, 'clients', 'conformance', `${name}.json`);
  const read = JSON.parse(readFileSync(path, 'utf8')) as Case[];
  assert.ok(read.length > 0);
  return read;
}

function stream(each: Case, good: Map<string, Case>): Buffer {
  const before = each.after.map((name) => good.get(name)!.hex);
  return Buffer.from([...before, each.hex].join(''), 'hex');
}

function nameIn(table: Record<string, number>, number: number): string {
  const found = Object.keys(table).find((name) => table[name] === number);
  assert.ok(found, `${number} has a name`);
  return found;
}

const LIMITS = [
  'debit_amount_max', 'credit_amount_max', 'debit_rate_count', 'debit_spend_amount',
  'debit_spend_count',
];

/** The command that a case describes with numbers alone. */
function command(op: Op, fields: Fields): any {
  const { limits = 0, side, time_in_force: time, frozen, ...rest } = fields;
  const given: Fields = rest;
  LIMITS.forEach((name, bit) => {
    if (op === 'set_account_policy' && !((limits >> bit) & 1)) delete given[name];
  });
  if (op === 'set_ledger_policy' && limits === 0) delete given['amount_max'];
  if (op === 'lookup_queue') return { account_id: given['id'] };
  for (const name of ['halted', 'blocked', 'post_only', 'urgent']) {
    if (name in given) given[name] = given[name] === 1;
  }
  for (const name of ['debits', 'credits'].flatMap((of) => [`${of}_pending`, `${of}_posted`])) {
    delete given[name];
  }
  if (op === 'place_order') {
    given['side'] = nameIn(numbers.SIDES, side);
    given['time_in_force'] = nameIn(numbers.TIMES_IN_FORCE, time);
  }
  if (op === 'set_account_policy') return policy(given, nameIn(numbers.FROZEN, frozen));
  return given;
}

/** Gathers what belongs to one limit. */
function policy(given: Fields, frozen: string): Fields {
  const gathered: Fields = { frozen };
  for (const [name, value] of Object.entries(given)) {
    const [, of, field] = /^(debit_rate|debit_spend)_(.*)$/.exec(name) ?? [];
    if (of && field) gathered[of] = { ...gathered[of], [field]: value };
    else gathered[name] = value;
  }
  for (const name of ['debit_rate', 'debit_spend']) {
    const { count, amount } = gathered[name];
    if (count === undefined && amount === undefined) delete gathered[name];
  }
  return gathered;
}

function encoded(message: Fields): Uint8Array {
  switch (message['kind']) {
    case 'hello':
      return hello({
        session: message['session'],
        history: { journal: message['journal'], epoch: message['epoch'] },
        lastSequence: message['last_sequence'],
        inFlightCommandsMax: message['in_flight_commands_max'],
        mode: message['mode'] === 1 ? 'subscription' : 'commands',
        resume: message['resume'] === 1,
        events: message['events'] === 1,
        token: Buffer.from(message['token'], 'hex'),
      });
    case 'batch': {
      const op = nameIn(numbers.OPS, message['operation']) as Op;
      const commands = message['bodies'].map((body: Fields) => command(op, body));
      return batchOf(op, commands).seal(message['number'], message['tag']);
    }
    case 'subscribe': {
      const operations = BigInt(message['operations']);
      const filter = {
        wants: (Object.keys(WANTS) as Want[]).filter((want) => message['wants'] & WANTS[want]),
        onlySuccesses: message['only_successes'] === 1,
        ledgers: message['ledgers'],
        accounts: message['accounts'],
        operations: (Object.keys(numbers.OPS) as Op[]).filter(
          (op) => (operations >> BigInt(numbers.OPS[op])) & 1n,
        ),
      };
      const start = nameIn(STARTS, message['start']) as keyof typeof STARTS;
      return subscribe(filter, start, BigInt(message['after_sequence']), BigInt(message['name']));
    }
    case 'acknowledge':
      return acknowledge(BigInt(message['sequence']));
    default:
      assert.equal(message['kind'], 'heartbeat');
      return HEARTBEAT;
  }
}

const TABLES: Record<string, Record<string, number>> = {
  side: numbers.SIDES,
  time_in_force: numbers.TIMES_IN_FORCE,
  frozen: numbers.FROZEN,
  pending_status: numbers.PENDING_STATUSES,
  queue_status: numbers.QUEUE_STATUSES,
  order_status: numbers.ORDER_STATUSES,
};

/** The fields of a record with numbers alone, as a case has them. */
function flat(record: object): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(record)) {
    if (name === 'levels') {
      value.forEach((level: object, at: number) => {
        for (const [key, number] of Object.entries(level)) fields[`${key}_${at}`] = number;
      });
    } else if (name === 'debit_rate' || name === 'debit_spend') {
      for (const [key, number] of Object.entries(value)) fields[`${name}_${key}`] = number;
    } else {
      fields[name] = typeof value === 'string' ? TABLES[name]?.[value] : Number.isInteger(value)
        ? value : typeof value === 'boolean' ? Number(value) : value;
    }
  }
  return fields;
}

function shownOutcome(outcome: Outcome): Fields {
  const { order, resolution } = outcome;
  const low = (value: bigint) => BigInt.asUintN(64, value);
  const details = order
    ? [BigInt(numbers.ORDER_STATUSES[order.status]), order.filled, order.remaining]
    : resolution
      ? [resolution.settled, 0n, low(resolution.amount), resolution.amount >> 64n]
      : [];
  const shown: Fields = {
    id: outcome.id,
    timestamp: outcome.timestamp,
    status: STATUSES[outcome.status],
    operation: outcome.op === 'pulse' ? 18 : numbers.OPS[outcome.op],
  };
  for (let at = 0; at < 4; at++) shown[`detail_${at}`] = details[at] ?? 0n;
  return shown;
}

function shownCommands(reply: RawCommands): Fields {
  const bodies = Array.from({ length: reply.count }, (_, at) => {
    const body = flat(readCommand(reply.op, reply.view, at * BODY_BYTES));
    return body;
  });
  const { firstSequence, firstTimestamp, op } = reply;
  const operation = op === 'pulse' ? 18 : numbers.OPS[op];
  return { kind: 'commands', operation, firstSequence, firstTimestamp, bodies };
}

/** A message as a case describes it. */
function shown(reply: Reply): Fields {
  switch (reply.kind) {
    case 'outcomes': {
      const [first] = reply.outcomes;
      const outcomes = reply.outcomes.map(shownOutcome);
      return { kind: 'outcomes', firstSequence: first!.sequence, outcomes };
    }
    case 'commands':
      return shownCommands(reply);
    case 'event': {
      const { event, body: read, ...rest } = reply;
      const body = flat(read);
      const of = read as Fields;
      if (event === 'order') {
        body['order_status'] = numbers.ORDER_STATUSES[of['status'] as 'open'];
        delete body['status'];
      }
      if (event === 'transfer_dropped') body['status'] = STATUSES[of['status'] as 'created'];
      if (event === 'transfer_settled') {
        body['by'] = numbers.SETTLE_REASONS[of['by'] as 'release'];
      }
      if (event === 'order_cancelled') {
        body['reason'] = numbers.CANCEL_REASONS[of['reason'] as 'expired'];
      }
      return { ...rest, event: numbers.EVENT_KINDS[event], body };
    }
    case 'origin': {
      const { op, ...rest } = reply;
      return { ...rest, operation: op === 'pulse' ? 18 : numbers.OPS[op] };
    }
    case 'hello': {
      const { mode, ...rest } = reply;
      return { ...rest, version: VERSION, mode: mode === 'subscription' ? 1 : 0 };
    }
    default:
      return reply;
  }
}

/** A value in which all numbers are `bigint`, and names are as in a case. */
function normal(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => normal(each));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    return Object.fromEntries(
      entries.map(([name, each]) => {
        const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        return [snake, normal(each, snake)];
      }),
    );
  }
  if (typeof value === 'boolean') return BigInt(value);
  const isText = ['kind', 'text', 'journal'].includes(key);
  return isText || (typeof value !== 'string' && typeof value !== 'number') ? value : BigInt(value);
}

/** Takes pieces of so many bytes; gives the messages, or the error that ends them. */
function decoded(data: Uint8Array, bytes: number): { replies: Reply[]; error?: unknown } {
  const decoder = new Decoder();
  const replies: Reply[] = [];
  try {
    for (let at = 0; at < data.length; at += bytes) {
      decoder.feed(data.subarray(at, at + bytes), (reply) => replies.push(reply));
    }
  } catch (error) {
    return { replies, error };
  }
  return { replies };
}

test('messages of a client have the bytes of the cases', () => {
  for (const each of cases('client')) {
    assert.equal(Buffer.from(encoded(each.message)).toString('hex'), each.hex, each.name);
  }
});

test('messages of an engine have the fields of the cases, however they are cut', () => {
  const good = new Map(cases('engine').map((each) => [each.name, each]));
  for (const each of good.values()) {
    const expected = normal(each.message) as Fields;
    const data = stream(each, good);
    for (const bytes of [data.length, 1, 7, 100]) {
      const where = `${each.name}, ${bytes} bytes at a time`;
      const { replies, error } = decoded(data, bytes);
      if (expected['kind'] === 'error') {
        assert.ok(error instanceof Refused, where);
        const { code, value, text } = error;
        assert.deepEqual(normal({ kind: 'error', code, value, text }), expected, where);
        continue;
      }
      assert.equal(error, undefined, where);
      assert.equal(replies.length, each.after.length + 1, where);
      const found = normal(shown(replies.at(-1)!)) as Fields;
      // Fields that this kind of event, or this operation, does not use are 0.
      for (const [at, body] of [expected['body'], ...(expected['bodies'] ?? [])].entries()) {
        const read = at === 0 ? found['body'] : found['bodies'][at - 1];
        for (const name of Object.keys(body ?? {})) read[name] ??= 0n;
      }
      assert.deepEqual(found, expected, where);
    }
  }
});

test('a client refuses what an engine must not send', () => {
  const good = new Map(cases('engine').map((each) => [each.name, each]));
  for (const each of cases('engine-bad')) {
    const data = stream(each, good);
    const start = data.length - each.hex.length / 2;
    const { error } = decoded(each.from_header ? data.subarray(0, start + 16) : data, data.length);
    assert.ok(error instanceof ProtocolError, each.name);
    if (!each.from_header) {
      const { error: early } = decoded(data.subarray(0, start + 16), data.length);
      assert.equal(early, undefined, `${each.name} is not refused by its header`);
    }
  }
});
