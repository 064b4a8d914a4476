// What is refused, by status.

import { byId, fillRows, setText } from './dom.js';
import { grouped, milliseconds, words } from './format.js';
import { Series } from './series.js';

/** Statuses shown. The engine knows fewer than 256 of them, so all of them are counted. */
const SHOWN = 8;

export class Refusals {
  constructor(lookUp, now) {
    this.lookUp = lookUp;
    this.now = now;
    this.byStatus = new Map();
    setInterval(() => this.draw(), 1000);
  }

  /** Counts a refusal. */
  add(row) {
    let entry = this.byStatus.get(row.status);
    if (!entry) {
      entry = { minute: new Series(1, 62, 1), count: 0, last: null };
      this.byStatus.set(row.status, entry);
    }
    entry.minute.add(milliseconds(row.timestamp) / 1000, 0, 1);
    entry.count += 1;
    entry.last = row;
  }

  draw() {
    if (document.hidden) return;
    const now = this.now();
    const all = [...this.byStatus].map(([status, entry]) => {
      entry.minute.reach(now);
      return { status, ...entry, recent: entry.minute.sum(0, 60) };
    });
    all.sort((one, other) => other.recent - one.recent || other.count - one.count);
    byId('no-refusals').hidden = all.length > 0;
    const hidden = all.length - SHOWN;
    setText(byId('refusals-note'), hidden > 0 ? `and ${hidden} more` : '');
    fillRows(byId('refusal-rows'), all.slice(0, SHOWN).map((entry) => [
      words(entry.status),
      { text: grouped(entry.recent), className: 'number' },
      { text: grouped(entry.count), className: 'number' },
      this.lastCell(entry.last),
    ]));
  }

  lastCell(row) {
    const act = row.about && row.id ? () => this.lookUp(row.about, row.id) : null;
    return { text: row.id, className: act ? 'number id act' : 'number id', act };
  }
}
