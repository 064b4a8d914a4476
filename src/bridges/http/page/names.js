// Names of accounts, where their user data are text.

import { askJson } from './api.js';
import { textOf } from './format.js';

/** Names that are remembered, and accounts that may wait to be asked for. */
const KNOWN_MAX = 2000;
const WANTED_MAX = 100;
/** A look-up is a command like any other: a page makes few of them, and slowly. */
const ASKED_MAX = 500;
const EVERY = 250;
/** So many accounts without a name, and none with one, and no more are asked for. */
const NAMELESS_MAX = 20;

export class Names {
  /** `onKnown` is called when a name has become known. */
  constructor(onKnown) {
    this.onKnown = onKnown;
    /** Names by id; `null` for accounts without one. */
    this.known = new Map();
    this.wanted = new Set();
    this.asked = 0;
    this.named = 0;
    setInterval(() => this.askNext(), EVERY);
  }

  /**
   * What to show for an account: `text`, and whether that may still become a name. `asks` lets the
   * page look it up.
   */
  show(id, asks = true) {
    if (id === null || id === undefined) return { text: '', isOpen: false };
    const name = this.known.get(id);
    if (name !== undefined) return { text: name ?? id, isOpen: false };
    if (asks && !this.asksNoMore() && this.wanted.size < WANTED_MAX) this.wanted.add(id);
    return { text: id, isOpen: true };
  }

  /** The name and the id, where there is a name. */
  long(id) {
    const { text } = this.show(id);
    return text === id ? id : `${text} (${id})`;
  }

  /** Learns from an account, or from the command that makes one. */
  learn(account) {
    const name = textOf(account.user_data_128);
    this.wanted.delete(account.id);
    if (this.known.get(account.id) === name) return;
    this.known.delete(account.id);
    this.known.set(account.id, name);
    if (name !== null) this.named += 1;
    if (this.known.size > KNOWN_MAX) this.known.delete(this.known.keys().next().value);
    this.onKnown();
  }

  asksNoMore() {
    return this.asked >= ASKED_MAX || (this.asked >= NAMELESS_MAX && this.named === 0);
  }

  async askNext() {
    const [id] = this.wanted;
    if (id === undefined || this.isAsking || document.hidden) return;
    this.wanted.delete(id);
    if (this.asksNoMore()) return this.wanted.clear();
    this.isAsking = true;
    this.asked += 1;
    try {
      this.learn((await askJson(`/v1/accounts/${id}`)).account);
    } catch (error) {
      // An account that is not there has no name; whoever may not look up sees ids.
      if (error.status) this.learn({ id });
    } finally {
      this.isAsking = false;
    }
  }
}
