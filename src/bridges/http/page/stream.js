// What happens in the engine, as it happens: Server-Sent Events, read with `fetch`.
//
// The browser's own EventSource can send no token, and gives up for good where the bridge answers
// with an error. This reader sends the token, waits, and goes on after the last message.

import { Refused, ask } from './api.js';

const WAIT_MIN = 250;
const WAIT_MAX = 5000;
/** The bridge sends a comment at least this often, in milliseconds, with time to spare. */
const SILENCE_MAX = 40_000;
/** Longest time, in milliseconds, before the page is let draw. */
const TURN_MAX = 16;

/** Takes Server-Sent Events apart. */
export class Parser {
  constructor() {
    this.rest = '';
  }

  /**
   * The messages that `text` completes: `{ id, data }`, each `null` where it is not there. Comments
   * are left out.
   */
  *read(text) {
    const lines = (this.rest + text).replaceAll('\r\n', '\n');
    let start = 0;
    for (let end; (end = lines.indexOf('\n\n', start)) >= 0; start = end + 2) {
      yield block(lines.slice(start, end));
    }
    this.rest = lines.slice(start);
  }
}

function block(text) {
  const message = { id: null, data: null };
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const field = line.slice(0, Math.max(colon, 0));
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'id') message.id = value;
    if (field === 'data') {
      message.data = message.data === null ? value : `${message.data}\n${value}`;
    }
  }
  return message;
}

/** Follows the bridge's events, and connects again for as long as it runs. */
export class Stream {
  /**
   * `begin` gets the id of the last message, `null` at first, and gives that after which to go on.
   * `take` gets the data of each message. `tell` gets `live`, `lost` (with the reason) or `denied`.
   */
  constructor(path, { begin, take, tell }) {
    this.path = path;
    this.begin = begin;
    this.take = take;
    this.tell = tell;
    this.lastId = null;
    this.wake = () => {};
    this.abort = new AbortController();
  }

  /** Follows until the page is left. */
  async run() {
    let wait = WAIT_MIN;
    for (;;) {
      try {
        await this.follow(() => { wait = WAIT_MIN; });
        throw new Error('the bridge has closed the connection');
      } catch (error) {
        this.forget(error);
        const isDenied = error instanceof Refused && [401, 403].includes(error.status);
        this.tell(isDenied ? 'denied' : 'lost', error.message);
        // Chance keeps many pages from coming back at one moment.
        const least = error instanceof Refused ? error.wait * 1000 : 0;
        const time = Math.max(least, wait * (0.5 + Math.random() / 2));
        await this.sleep(isDenied ? WAIT_MAX * 12 : time);
        wait = Math.min(wait * 2, WAIT_MAX);
      }
    }
  }

  /** Goes on with the oldest that there is, where what comes next is no longer kept. */
  forget(error) {
    const oldest = error instanceof Refused ? error.problem.oldest_sequence : undefined;
    if (oldest !== undefined) this.lastId = String(Number(oldest) - 1);
  }

  /** Connects again at once: another token was given. */
  restart() {
    this.abort.abort();
    this.wake();
  }

  sleep(time) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      this.wake = () => { clearTimeout(timer); resolve(); };
    });
  }

  async follow(onFirst) {
    this.abort = new AbortController();
    this.lastId = await this.begin(this.lastId);
    const headers = { accept: 'text/event-stream' };
    if (this.lastId !== null) headers['last-event-id'] = this.lastId;
    let timer = this.watch();
    try {
      const response = await ask(this.path, { headers, signal: this.abort.signal });
      this.tell('live', '');
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser();
      let turn = performance.now();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        onFirst();
        clearTimeout(timer);
        timer = this.watch();
        for (const message of parser.read(value)) {
          if (message.id !== null) this.lastId = message.id;
          if (message.data !== null) this.take(message.data);
        }
        if (performance.now() - turn > TURN_MAX) {
          await nextTurn();
          turn = performance.now();
        }
      }
    } finally {
      clearTimeout(timer);
      this.abort.abort();
    }
  }

  /** Ends the connection if nothing comes for too long. */
  watch() {
    return setTimeout(() => this.abort.abort(), SILENCE_MAX);
  }
}

/** Lets the page draw; unlike a timer it is not slowed down where the tab is hidden. */
function nextTurn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(null);
  });
}
