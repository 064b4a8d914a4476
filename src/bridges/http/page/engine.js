// The engine's own numbers: stages, tables, disk, latency. The bridge passes them on where its
// configuration says where the engine shows them.

import { Refused, askJson } from './api.js';
import { byId, fillRows, setText } from './dom.js';
import { bytes, duration, grouped, rate } from './format.js';

const EVERY = 1000;
/** How long is waited after the bridge wants another token, in milliseconds. */
const DENIED = 60_000;
/** Readings over which latency and speeds are taken. */
const READINGS = 10;
const NOT_THERE = 'No numbers of the engine: [http] engine-metrics names the address of its '
  + '--metrics, and nothing is named, or nothing answers there.';
const AWAY = 'No numbers just now: the engine does not answer.';

/** The order in which data flows. */
const STAGES = ['journal', 'risk', 'settle', 'publish'];

/** Samples by their names with labels, as a list of `{ labels, value }` for each name. */
export function familiesOf(samples) {
  const families = new Map();
  for (const [key, value] of Object.entries(samples)) {
    const [, name, inside] = /^([^{]*)(?:\{(.*)\})?$/.exec(key);
    const labels = {};
    for (const [, label, text] of (inside ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[label] = text;
    }
    if (!families.has(name)) families.set(name, []);
    families.get(name).push({ labels, value: Number(value) });
  }
  return families;
}

/**
 * The bound below which `share` of what came between two readings of a histogram lies, in seconds;
 * `null` where nothing came.
 */
export function quantile(before, now, share) {
  const counts = new Map(before.map(({ labels, value }) => [labels.le, value]));
  const grown = now.map(({ labels, value }) => ({
    bound: labels.le === '+Inf' ? Infinity : Number(labels.le),
    count: value - (counts.get(labels.le) ?? 0),
  }));
  // They come in any order.
  grown.sort((one, other) => one.bound - other.bound);
  const total = grown.at(-1)?.count ?? 0;
  if (total <= 0) return null;
  const found = grown.find(({ count }) => count >= total * share);
  // Above the last bound nothing more is known than that.
  return found.bound === Infinity ? grown.at(-2).bound : found.bound;
}

export class Engine {
  /**
   * `onLatency` gets p50 and p99, or `null` for each; `onUp` whether the bridge reaches the engine.
   */
  constructor(onLatency, onUp) {
    this.onLatency = onLatency;
    this.onUp = onUp;
    this.readings = [];
    /** Whether the engine's numbers were ever there. */
    this.hasNumbers = false;
    this.wait = EVERY;
    this.wake = () => {};
  }

  /** Reads for as long as the page is there. */
  async run() {
    for (;;) {
      if (!document.hidden) await this.read();
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, this.wait);
      });
    }
  }

  /** Reads at once: another token was given. */
  restart() {
    this.wake();
  }

  async read() {
    this.wait = EVERY;
    try {
      const { engine, engine_metrics: samples } = await askJson('/v1/stats');
      this.onUp(engine !== null && engine.up);
      if (samples === null) return this.miss(this.hasNumbers ? AWAY : NOT_THERE);
      this.hasNumbers = true;
      const families = familiesOf(samples);
      this.keep(families);
      this.show(families);
      this.say('');
    } catch (error) {
      if (error instanceof Refused && error.status === 503) this.onUp(false);
      if (error instanceof Refused && [401, 403].includes(error.status)) this.wait = DENIED;
      this.miss(`No numbers just now: ${error.message}`);
    }
  }

  miss(why) {
    this.readings = [];
    this.onLatency(null, null);
    this.say(why);
  }

  /** Shows a note in place of the numbers. What was measured of latency stays. */
  say(note) {
    setText(byId('engine-note'), note);
    byId('engine-numbers').hidden = note !== '';
    byId('latency').hidden = note === NOT_THERE;
  }

  keep(families) {
    const last = this.readings.at(-1);
    const start = (families) => single(families, 'process_start_time_seconds');
    // Another process counts from zero.
    if (last && start(last.families) !== start(families)) this.readings = [];
    this.readings.push({ at: performance.now(), families });
    if (this.readings.length > READINGS) this.readings.shift();
    const name = 'ringfence_latency_seconds_bucket';
    const [before, now] = [this.readings[0].families.get(name) ?? [], families.get(name) ?? []];
    this.onLatency(quantile(before, now, 0.5), quantile(before, now, 0.99));
  }

  /** How fast a counter grows, a second. */
  speed(name) {
    const [first, last] = [this.readings[0], this.readings.at(-1)];
    const seconds = (last.at - first.at) / 1000;
    const grown = single(last.families, name) - single(first.families, name);
    return seconds === 0 ? 0 : grown / seconds;
  }

  show(families) {
    const all = (name) => families.get(name) ?? [];
    const by = (label, name) => new Map(all(name).map((it) => [it.labels[label], it.value]));
    const lags = by('stage', 'ringfence_stage_lag_commands');
    const place = ({ labels }) => STAGES.indexOf(labels.stage);
    const stages = all('ringfence_stage_sequence').sort((one, other) => place(one) - place(other));
    fillRows(byId('stage-rows'), stages.map(({ labels, value }) => [
      labels.stage,
      number(grouped(value)),
      number(grouped(lags.get(labels.stage) ?? 0)),
    ]));
    const capacities = by('table', 'ringfence_table_capacity');
    fillRows(byId('table-rows'), all('ringfence_table_used').map(({ labels, value }) => {
      const capacity = capacities.get(labels.table) ?? 0;
      const share = capacity === 0 ? 0 : value / capacity;
      const full = { text: `${percent(share)} %`, className: 'meter', meter: share };
      return [labels.table, number(grouped(value)), number(grouped(capacity)), full];
    }));
    fillRows(byId('process-rows'), this.processRows(families));
    const build = all('ringfence_build_info')[0]?.labels;
    if (!build) return;
    setText(byId('build'), ` · version ${build.version}, journal ${build.journal.slice(0, 8)}`);
  }

  processRows(families) {
    const rows = [];
    const add = (text, name, show) => {
      if (families.has(name)) rows.push([text, number(show(single(families, name)))]);
    };
    const kept = (first) => {
      const last = single(families, 'ringfence_outcome_log_last_sequence');
      return grouped(Math.max(0, last - first + 1));
    };
    add('Journal, written', 'ringfence_journal_bytes_total', bytes);
    add('Disk, free', 'ringfence_disk_free_bytes', bytes);
    add('Outcomes kept', 'ringfence_outcome_log_first_sequence', kept);
    add('Connections', 'ringfence_connections', grouped);
    add('Subscriptions', 'ringfence_subscriptions', grouped);
    add('Memory', 'process_resident_memory_bytes', bytes);
    const cores = () => `${rate(this.speed('process_cpu_seconds_total') * 100)} % of a core`;
    add('Processor', 'process_cpu_seconds_total', cores);
    add('Runs since', 'process_start_time_seconds', (start) => duration(Date.now() / 1000 - start));
    return rows;
  }
}

function single(families, name) {
  return families.get(name)?.[0]?.value ?? 0;
}

function number(text) {
  return { text, className: 'number' };
}

function percent(share) {
  const hundredths = share * 100;
  return hundredths > 0 && hundredths < 10 ? hundredths.toFixed(1) : String(Math.round(hundredths));
}
