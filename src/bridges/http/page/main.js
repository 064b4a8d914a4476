// The page: what comes from the stream goes to those who show it.
//
//   stream ─▶ records ─▶ list, rates, refusals, look-up, order books, queues
//   metrics of the engine ─▶ stages, tables, disk, latency

import { askJson, setToken, whenDenied } from './api.js';
import { Markets, Queues } from './books.js';
import { byId, setText } from './dom.js';
import { Engine } from './engine.js';
import { grouped } from './format.js';
import { Live } from './live.js';
import { LookUp } from './lookup.js';
import { Names } from './names.js';
import { Rates } from './rates.js';
import { Records } from './records.js';
import { Refusals } from './refusals.js';
import { rowOf, rowOfEvent, rowOfMissing, rowOfOther } from './rows.js';
import { Stream } from './stream.js';

/** Commands before the page was opened that it shows. */
const EARLIER = 200;

let streamState = 'connecting';
let streamReason = '';
let isEngineUp = true;

const names = new Names(() => live.touch());
const records = new Records({ outcome, event, missing });
const lookUp = new LookUp(names, () => ({ oldest, last: records.last }));
const show = (kind, id) => lookUp.show(kind, id);
const live = new Live(names, show);
const rates = new Rates();
const refusals = new Refusals(show, () => rates.now());
const markets = new Markets();
const queues = new Queues(names, show);
const engine = new Engine((p50, p99) => rates.latency(p50, p99), (isUp) => {
  isEngineUp = isUp;
  showState();
});
const stream = new Stream('/v1/events?commands=true', {
  begin,
  take: (data) => records.take(JSON.parse(data)),
  tell,
});

/** Id of the engine whose events are shown, and its oldest outcome. */
let engineId = null;
let oldest = 1;

/** Where the stream goes on that has reached `lastId`. */
async function begin(lastId) {
  const { engine: found } = await askJson('/v1/stats');
  if (found === null) throw new Error('the bridge has not reached the engine yet');
  const isOther = engineId !== null && engineId !== found.id;
  if (isOther) live.add(rowOfOther(found.id));
  engineId = found.id;
  oldest = Number(found.oldest_sequence);
  if (lastId !== null && !isOther) return lastId;
  const after = Math.max(Number(found.last_sequence) - EARLIER, oldest - 1, 0);
  records.startAfter(after);
  return String(after);
}

function outcome(outcome, command) {
  const isNew = outcome.op === 'create_account' && outcome.status === 'created';
  if (isNew && command !== null) names.learn(command);
  const row = rowOf(outcome, command);
  add(row);
  lookUp.take(outcome, command);
  markets.take(outcome, command);
  queues.take(outcome, command);
}

function event(event) {
  add(rowOfEvent(event));
  lookUp.touch();
  markets.takeEvent(event);
  queues.takeEvent(event);
}

function add(row) {
  live.add(row);
  if (row.isLookUp) return;
  rates.count(row.kind, row.timestamp);
  if (row.kind === 'refused') refusals.add(row);
}

function missing(first, last) {
  live.add(rowOfMissing(first, last));
}

/** Remembers how the stream is, and shows it. */
function tell(state, reason) {
  if (state !== 'live') records.lost();
  streamState = state;
  streamReason = reason;
  showState();
}

/** Says how the connection is. The stream lives on while the bridge waits for the engine. */
function showState() {
  const isAway = streamState === 'live' && !isEngineUp;
  const text = {
    connecting: 'connecting',
    live: isAway ? 'the engine is away' : 'live',
    lost: `connecting again: ${streamReason}`,
    denied: `a token is needed: ${streamReason}`,
  }[streamState];
  byId('state').dataset.state = isAway ? 'lost' : streamState;
  setText(byId('state'), text);
}

setInterval(() => {
  if (records.last !== null) setText(byId('sequence'), grouped(records.last));
}, 250);

const dialog = byId('token-dialog');
/** Whether this token was asked about: whoever has closed the dialog is not asked again. */
let hasAsked = false;
byId('access').addEventListener('click', () => dialog.showModal());
dialog.addEventListener('close', () => {
  const token = byId('token').value.trim();
  byId('token').value = '';
  const isUsed = dialog.returnValue === 'use';
  if (!isUsed && dialog.returnValue !== 'forget') return;
  setToken(isUsed ? token : '');
  hasAsked = false;
  stream.restart();
  engine.restart();
});
whenDenied(() => {
  if (!hasAsked && !dialog.open) dialog.showModal();
  hasAsked = true;
});

document.addEventListener('keydown', (event) => {
  const isText = event.target.closest('input[type="text"], input[type="password"], select, dialog');
  if (isText || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') {
    byId('lookup-id').focus();
    event.preventDefault();
  } else if (event.key === 'p') {
    live.hold(!live.isHeld);
  }
});

stream.run();
engine.run();
