// The list of what settles: the newest on top, a fixed number of lines.

import { byId, make, setNumeral, setText } from './dom.js';
import { grouped, timeOfDay, words } from './format.js';

/** Lines shown, and lines kept to choose from. */
const SHOWN = 100;
const KEPT = 1000;
/** How often the list changes, in milliseconds: often enough to be live, seldom enough to read. */
const EVERY = 250;
const COLUMNS = [
  'number sequence', 'time', 'operation', 'number id', 'party from', 'party to', 'number amount',
  'number ledger', 'status',
];
/** The column that has the amount. */
const AMOUNT = 6;

/** How far keys move in the list. */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -SHOWN, End: SHOWN };

export class Live {
  /** `names` shows accounts; `lookUp(kind, id)` is called for what the reader chooses. */
  constructor(names, lookUp) {
    this.names = names;
    this.lookUp = lookUp;
    this.body = byId('rows');
    this.kept = [];
    this.fresh = 0;
    this.isHeld = false;
    this.isDirty = false;
    this.onlyRefused = byId('only-refused');
    this.withLookUps = byId('with-lookups');
    for (const box of [this.onlyRefused, this.withLookUps]) {
      box.addEventListener('change', () => this.redraw());
    }
    byId('hold').addEventListener('click', () => this.hold(!this.isHeld));
    this.body.addEventListener('click', (event) => this.choose(event));
    this.body.addEventListener('keydown', (event) => this.key(event));
    this.body.addEventListener('focusin', () => this.sayHeld());
    this.body.addEventListener('focusout', () => this.sayHeld());
    setInterval(() => this.draw(), EVERY);
  }

  /** Takes a line. */
  add(row) {
    this.kept.push(row);
    if (this.kept.length > 2 * KEPT) this.kept.splice(0, this.kept.length - KEPT);
    this.fresh += 1;
  }

  /** Shows the same lines again: a name has become known. */
  touch() {
    this.isDirty = true;
  }

  hold(isHeld) {
    this.isHeld = isHeld;
    byId('hold').setAttribute('aria-pressed', String(isHeld));
    if (isHeld) this.sayHeld();
    else this.redraw();
  }

  /** The list stands still while it is held, and while somebody moves in it by keyboard. */
  standsStill() {
    return this.isHeld || this.body.contains(document.activeElement);
  }

  sayHeld() {
    const still = this.standsStill();
    const text = still ? `standing still, ${grouped(this.fresh)} new` : '';
    setText(byId('live-note'), text);
  }

  redraw() {
    this.isDirty = true;
    this.draw();
  }

  draw() {
    if (document.hidden) return;
    if (this.standsStill()) return this.sayHeld();
    if (!this.isDirty && this.fresh === 0) return;
    this.isDirty = false;
    this.fresh = 0;
    this.sayHeld();
    const rows = this.chosen();
    byId('no-rows').hidden = rows.length > 0;
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    while (this.body.rows.length < rows.length) this.body.append(emptyRow());
    const canBeReached = this.body.querySelector('[tabindex="0"]') !== null;
    if (rows.length > 0 && !canBeReached) this.body.rows[0].tabIndex = 0;
    rows.forEach((row, index) => this.fill(this.body.rows[index], row));
  }

  /** The lines that the reader wants, the newest first. */
  chosen() {
    const rows = [];
    for (let index = this.kept.length - 1; index >= 0 && rows.length < SHOWN; index -= 1) {
      const row = this.kept[index];
      const isWanted = (this.withLookUps.checked || !row.isLookUp)
        && (!this.onlyRefused.checked || row.kind === 'refused');
      if (isWanted) rows.push(row);
    }
    return rows;
  }

  fill(element, row) {
    const isSame = element.row === row && !row.awaitsName;
    if (isSame) return;
    element.row = row;
    // An account that a refused command names may not be there.
    const asks = row.kind !== 'refused';
    const [from, to] = [this.names.show(row.from, asks), this.names.show(row.to, asks)];
    row.awaitsName = from.isOpen || to.isOpen;
    const cells = [
      grouped(row.sequence),
      row.timestamp === null ? '' : timeOfDay(row.timestamp),
      row.op,
      row.id,
      from.text,
      to.text,
      row.amount,
      row.ledger,
      words(row.status),
    ];
    element.className = row.isEvent ? `${row.kind} event` : row.kind;
    cells.forEach((text, column) => {
      const set = column === AMOUNT ? setNumeral : setText;
      set(element.cells[column], text);
    });
    element.cells[3].title = row.id;
    element.cells[4].title = row.from ?? '';
    element.cells[5].title = row.to ?? '';
  }

  choose(event) {
    const cell = event.target.closest('td');
    const row = cell?.parentElement.row;
    if (!row) return;
    const account = { 4: row.from, 5: row.to }[cell.cellIndex];
    if (account) this.lookUp('accounts', account);
    else if (row.about) this.lookUp(row.about, row.id);
  }

  key(event) {
    const element = event.target.closest('tr');
    const rows = this.body.rows;
    if (event.key in STEPS) {
      const wanted = element.sectionRowIndex + STEPS[event.key];
      const next = rows[Math.min(Math.max(wanted, 0), rows.length - 1)];
      this.focus(next);
      event.preventDefault();
    } else if (event.key === 'Enter' && element.row?.about) {
      this.lookUp(element.row.about, element.row.id);
      event.preventDefault();
    } else if (event.key === 'Escape') {
      element.blur();
    }
  }

  /** One line can be reached by Tab: the one that was reached last. */
  focus(element) {
    for (const row of this.body.rows) row.tabIndex = row === element ? 0 : -1;
    element.focus();
  }
}

function emptyRow() {
  const row = make('tr');
  for (const className of COLUMNS) row.append(make('td', className));
  row.tabIndex = -1;
  return row;
}
