// Order books and queues as they stand: asked for again when something happened to them.

import { Refused, askJson } from './api.js';
import { byId, fillRows, make, setText } from './dom.js';
import { grouped } from './format.js';

const EVERY = 2000;

/** The last things that were of interest, each with what the bridge says of it. */
class Watched {
  /** At most `most`; `path` makes the address of one. */
  constructor(most, path, draw) {
    this.most = most;
    this.path = path;
    this.draw = draw;
    /** By id: `{ isStale, body, error, isKept }`. */
    this.entries = new Map();
    setInterval(() => this.refresh(), EVERY);
  }

  /** Something happened to `id`; `isKept` keeps it even where there is nothing to show. */
  touch(id, isKept = false) {
    const entry = this.entries.get(id) ?? { body: null, error: null, isKept };
    entry.isStale = true;
    entry.isKept ||= isKept;
    this.entries.delete(id);
    this.entries.set(id, entry);
    if (this.entries.size > this.most) this.entries.delete(this.entries.keys().next().value);
  }

  /** Something happened, and it is not said to which. */
  touchAll() {
    for (const entry of this.entries.values()) entry.isStale = true;
  }

  async refresh() {
    if (document.hidden || this.isBusy) return;
    this.isBusy = true;
    for (const [id, entry] of [...this.entries]) {
      if (entry.isStale) await this.ask(id, entry);
    }
    this.isBusy = false;
    this.draw(this.entries);
  }

  async ask(id, entry) {
    entry.isStale = false;
    try {
      entry.body = await askJson(this.path(id));
      entry.error = null;
    } catch (error) {
      entry.error = error instanceof Refused && error.status === 404 ? 'not there' : error.message;
      entry.isStale = !(error instanceof Refused);
    }
  }
}

/** Order books. */
export class Markets {
  constructor() {
    this.watched = new Watched(8, (id) => `/v1/markets/${id}`, (entries) => this.draw(entries));
    onSubmit('market-form', 'market-id', (id) => {
      this.watched.touch(id, true);
      this.watched.refresh();
    });
  }

  take(outcome, command) {
    if (outcome.op === 'create_market') this.watched.touch(String(outcome.id));
    if (outcome.op === 'place_order' && command?.market) this.watched.touch(String(command.market));
    if (outcome.op === 'amend_order' || outcome.op === 'cancel_order') this.watched.touchAll();
  }

  takeEvent(event) {
    if (event.type === 'trade') this.watched.touch(String(event.market));
    if (event.type === 'order_cancelled') this.watched.touchAll();
  }

  draw(entries) {
    const all = [...entries].sort(([one], [other]) => Number(one) - Number(other));
    const books = byId('books');
    byId('no-books').hidden = all.length > 0;
    while (books.children.length > all.length) books.lastElementChild.remove();
    while (books.children.length < all.length) books.append(emptyBook());
    all.forEach(([id, entry], index) => fillBook(books.children[index], id, entry));
  }
}

const BOOK_COLUMNS = ['Orders', 'Lots', 'Bid', 'Ask', 'Lots', 'Orders'];

function emptyBook() {
  const head = make('tr', '', ...BOOK_COLUMNS.map((text) => {
    const cell = make('th', 'number', text);
    cell.scope = 'col';
    return cell;
  }));
  const table = make('table', 'book', make('caption'), make('thead', '', head), make('tbody'));
  return make('div', '', table, make('p', 'note'));
}

function fillBook(element, id, { body, error }) {
  const market = body?.market;
  const table = element.firstElementChild;
  const ledgers = market ? `: ledger ${market.base_ledger} for ${market.quote_ledger}` : '';
  const of = `Market ${id}${ledgers}${market ? `, lot ${grouped(market.lot)}` : ''}`;
  setText(table.caption, of);
  const rows = Math.max(market?.bids.length ?? 0, market?.asks.length ?? 0);
  const level = (levels, index, ...fields) => fields.map((field) => ({
    text: levels?.[index] ? grouped(levels[index][field]) : '',
    className: field === 'price' ? 'number price' : 'number',
  }));
  fillRows(table.tBodies[0], Array.from({ length: rows }, (_, index) => [
    ...level(market.bids, index, 'orders', 'quantity', 'price'),
    ...level(market.asks, index, 'price', 'quantity', 'orders'),
  ]));
  const note = error ?? (market ? (rows === 0 ? 'No orders rest.' : '') : 'asking');
  setText(element.lastElementChild, note);
}

/** Queues of payments that wait. */
export class Queues {
  constructor(names, lookUp) {
    this.names = names;
    this.lookUp = lookUp;
    this.watched = new Watched(12, (id) => `/v1/queues/${id}`, (entries) => this.draw(entries));
    onSubmit('queue-form', 'queue-id', (id) => {
      this.watched.touch(id.replace(/^0+(?=.)/, ''), true);
      this.watched.refresh();
    });
  }

  take(outcome, command) {
    if (outcome.status === 'queued' && command) this.watched.touch(command.debit_account_id);
    const isOfQueue = ['cancel_queued_transfer', 'requeue_transfer'].includes(outcome.op);
    if (isOfQueue) this.watched.touchAll();
  }

  takeEvent(event) {
    if (event.type.startsWith('transfer_')) this.watched.touchAll();
  }

  draw(entries) {
    const shown = [...entries].filter(([id, entry]) => this.isShown(id, entry));
    byId('queue-table').hidden = shown.length === 0;
    byId('no-queues').hidden = shown.length > 0;
    fillRows(byId('queue-rows'), shown.map(([id, { body, error }]) => {
      const name = this.names.show(id).text;
      const head = body?.head_id && body.head_id !== '0' ? body.head_id : '';
      return [
        { text: name, className: 'party act', act: () => this.lookUp('accounts', id) },
        { text: body ? grouped(body.count) : error ?? '', className: 'number' },
        { text: body ? grouped(body.amount) : '', className: 'number' },
        head
          ? { text: head, className: 'number id act', act: () => this.lookUp('transfers', head) }
          : { text: '', className: 'number' },
      ];
    }));
  }

  /** An empty queue is shown only where the reader asked for it. */
  isShown(id, { body, isKept, isStale, error }) {
    const isEmpty = body !== null && Number(body.count) === 0;
    if (isEmpty && !isKept && !isStale) this.watched.entries.delete(id);
    return isKept || (!isEmpty && (body !== null || error === null));
  }
}

/** Calls `act` with what was written into the form. */
function onSubmit(form, input, act) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    act(byId(input).value.trim());
    byId(input).value = '';
  });
}
