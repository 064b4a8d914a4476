// Look-ups: an account with its balances and last movements, a transfer, an order.

import { Refused, askJson } from './api.js';
import { byId, fillRows, link, make, numeral, setText } from './dom.js';
import { dayAndTime, grouped, timeOfDay, words } from './format.js';
import { kindOf } from './records.js';

/** Movements shown, and how far back they are searched for, in commands. */
const MOVEMENTS = 10;
const SEARCHED = 100_000;
/** An account that is shown is asked for again this often at most, in milliseconds. */
const AGAIN = 1000;

export class LookUp {
  /** `names` shows accounts; `range()` is what can be had: `oldest` and `last` sequence. */
  constructor(names, range) {
    this.names = names;
    this.range = range;
    /** Id of the account that is shown. */
    this.account = null;
    this.movements = [];
    this.isStale = false;
    this.turn = 0;
    byId('lookup-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.show(byId('lookup-kind').value, byId('lookup-id').value.trim());
    });
    setInterval(() => this.refresh(), AGAIN);
  }

  /** Shows what has this id, and brings it into view. */
  async show(kind, id) {
    const plain = id.replace(/^0+(?=.)/, '');
    byId('lookup-kind').value = kind;
    byId('lookup-id').value = plain;
    this.account = null;
    byId('movements').hidden = true;
    this.turn += 1;
    setText(byId('lookup-said'), '');
    const isShown = await this.load(kind, plain);
    // What changes later is not read out.
    setText(byId('lookup-said'), byId('found').querySelector('h3, p')?.textContent ?? '');
    byId('found').scrollIntoView({ block: 'nearest' });
    if (isShown && kind === 'accounts') await this.showMovements(plain, this.turn);
  }

  async load(kind, id) {
    const turn = this.turn;
    try {
      const body = await askJson(`/v1/${kind}/${id}`);
      if (turn !== this.turn) return false;
      const show = { accounts: showAccount, transfers: showTransfer, orders: showOrder }[kind];
      if (body.account) this.names.learn(body.account);
      byId('found').replaceChildren(show(body, this));
      return true;
    } catch (error) {
      const isAbsent = error instanceof Refused && error.status === 404;
      const text = isAbsent ? `There is no ${kind.slice(0, -1)} ${id}.` : error.message;
      if (turn === this.turn) byId('found').replaceChildren(make('p', 'note', text));
      return false;
    }
  }

  /** A button that looks an account up. */
  accountLink(id) {
    return link(this.names.long(id), () => this.show('accounts', id));
  }

  async showMovements(id, turn) {
    byId('movements').hidden = false;
    this.movements = [];
    this.account = id;
    setText(byId('movements-note'), 'searching');
    this.drawMovements();
    const note = await this.search(id, turn);
    if (turn === this.turn) setText(byId('movements-note'), note);
    this.drawMovements();
  }

  /** Finds movements before the page's own time; returns what to say of it. */
  async search(id, turn) {
    const { oldest, last } = this.range();
    if (last === null) return '';
    const first = Math.max(1, oldest, last - SEARCHED);
    try {
      const found = await earlierMovements(id, first, last);
      if (turn !== this.turn) return '';
      const known = new Set(this.movements.map(({ outcome }) => outcome.sequence));
      const earlier = found.filter(({ outcome }) => !known.has(outcome.sequence));
      this.movements = [...earlier, ...this.movements].slice(-MOVEMENTS);
      const all = `the last ${grouped(last - first + 1)} commands`;
      const isNone = this.movements.length === 0;
      return isNone ? `None in ${all}.` : `The last ${MOVEMENTS} at most, of ${all}.`;
    } catch (error) {
      return `Earlier ones cannot be had: ${error.message}`;
    }
  }

  /** Takes what has just happened. */
  take(outcome, command) {
    if (this.account === null || command === null) return;
    if (outcome.op !== 'create_transfer' && outcome.op !== 'place_order') return;
    const own = [command.debit_account_id, command.credit_account_id,
      command.base_account_id, command.quote_account_id];
    if (!own.includes(this.account)) return;
    this.isStale = true;
    if (outcome.op !== 'create_transfer') return;
    this.movements.push({ outcome, command });
    if (this.movements.length > 2 * MOVEMENTS) this.movements.splice(0, MOVEMENTS);
  }

  /** Balances change by what happens to others too: holds expire, queues are released. */
  touch() {
    this.isStale = true;
  }

  async refresh() {
    if (!this.isStale || this.account === null || document.hidden) return;
    this.isStale = false;
    this.drawMovements();
    await this.load('accounts', this.account);
  }

  drawMovements() {
    const rows = this.movements.slice(-MOVEMENTS).reverse();
    fillRows(byId('movement-rows'), rows.map(({ outcome, command }) => {
      const isDebit = command.debit_account_id === this.account;
      const other = isDebit ? command.credit_account_id : command.debit_account_id;
      const amount = `${isDebit ? '−' : '+'}${grouped(command.amount)}`;
      return [
        { text: timeOfDay(outcome.timestamp).slice(0, 8), className: 'time' },
        { text: this.names.show(other).text, className: 'party act',
          act: other ? () => this.show('accounts', other) : null },
        { text: amount, className: 'number' },
        { text: words(outcome.status), className: `status ${kindOf(outcome.status)}` },
      ];
    }));
  }
}

/** Transfers of an account among the outcomes from `first` to `last`, oldest first. */
async function earlierMovements(id, first, last) {
  const filter = `account=${id}&op=create_transfer&commands=true&events=false&limit=1000`;
  let found = [];
  for (let after = first - 1; after < last;) {
    const page = await askJson(`/v1/outcomes?after=${after}&${filter}`);
    for (const outcome of page.items) {
      const { command } = outcome;
      const own = [command?.debit_account_id, command?.credit_account_id];
      if (own.includes(id)) found.push({ outcome, command });
    }
    found = found.slice(-MOVEMENTS);
    const next = Number.parseInt(page.next, 10);
    if (next <= after) break;
    after = next;
  }
  return found;
}

/** A list of terms and what they are. */
function terms(pairs) {
  const list = make('dl', 'terms');
  for (const [term, value] of pairs) {
    if (value === null || value === '') continue;
    list.append(make('dt', '', term), make('dd', '', value));
  }
  return list;
}

function flags(names) {
  return names.length === 0 ? 'none' : names.map(words).join(', ');
}

function showAccount({ account }, { names }) {
  return make('div', '', make('h3', '', names.long(account.id)), balances(account), terms([
    ['Ledger', String(account.ledger)],
    ['Code', String(account.code)],
    ['Flags', flags(account.flags)],
    ['Created', dayAndTime(account.timestamp)],
  ]));
}

const BALANCES = ['Debits', 'Credits', 'Balance'];
/** Digits and signs of one line of balances; with more each has a line of its own. */
const LINE_MAX = 30;

/** The balances of an account: side by side where they have room, else one below the other. */
function balances(account) {
  const line = (debits, credits) =>
    [grouped(debits), grouped(credits), signed(BigInt(credits) - BigInt(debits))];
  const lines = [
    ['Posted', line(account.debits_posted, account.credits_posted)],
    ['Pending', line(account.debits_pending, account.credits_pending)],
  ];
  const table = make('table', 'balances');
  const number = (text) => ({ text, className: 'number' });
  const widest = (column) => Math.max(...lines.map(([, texts]) => texts[column].length));
  const width = BALANCES.reduce((sum, _, column) => sum + widest(column), 0);
  if (width > LINE_MAX) {
    const rows = lines.flatMap(([text, texts]) =>
      texts.map((amount, column) => [`${text} ${BALANCES[column].toLowerCase()}`, number(amount)]));
    addHead(table, ['', 'Amount']);
    fillRows(table.createTBody(), rows);
    return table;
  }
  addHead(table, ['', ...BALANCES]);
  fillRows(table.createTBody(), lines.map(([text, texts]) => [text, ...texts.map(number)]));
  return table;
}

function addHead(table, texts) {
  const head = table.createTHead().insertRow();
  for (const text of texts) {
    const cell = make('th', text ? 'number' : '', text);
    cell.scope = 'col';
    head.append(cell);
  }
}

function signed(amount) {
  return amount < 0n ? `−${grouped(-amount)}` : grouped(amount);
}

function showTransfer({ transfer }, page) {
  const hold = transfer.pending_id;
  return make('div', '', make('h3', '', `Transfer ${transfer.id}`), terms([
    ['From', page.accountLink(transfer.debit_account_id)],
    ['To', page.accountLink(transfer.credit_account_id)],
    ['Amount', numeral(grouped(transfer.amount))],
    ['Ledger', String(transfer.ledger)],
    ['Code', String(transfer.code)],
    ['Flags', flags(transfer.flags)],
    ['Hold', transfer.pending_status ? words(transfer.pending_status) : null],
    ['Queue', transfer.queue_status ? words(transfer.queue_status) : null],
    ['Of hold', hold === '0' ? null : link(hold, () => page.show('transfers', hold))],
    ['Created', dayAndTime(transfer.timestamp)],
  ]));
}

function showOrder({ order }, page) {
  return make('div', '', make('h3', '', `Order ${order.id}`), terms([
    ['Market', String(order.market)],
    ['Side', order.side],
    ['Price', order.price === '0' ? null : numeral(grouped(order.price))],
    ['Budget', order.budget === '0' ? null : numeral(grouped(order.budget))],
    ['Quantity', numeral(grouped(order.quantity))],
    ['Filled', numeral(grouped(order.filled))],
    ['Remaining', numeral(grouped(order.remaining))],
    ['State', words(order.order_status)],
    ['Base', page.accountLink(order.base_account_id)],
    ['Quote', page.accountLink(order.quote_account_id)],
    ['Created', dayAndTime(order.timestamp)],
  ]));
}
