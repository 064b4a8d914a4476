// How much settles, how much is refused, and how long it takes.

import { byId, setText } from './dom.js';
import { duration, grouped, milliseconds, rate } from './format.js';
import { draw, linear, logarithmic } from './plot.js';
import { Series } from './series.js';

const SETTLED = 0;
const REFUSED = 1;
const P50 = 0;
const P99 = 1;
/** Seconds over which the rates in the head are taken. */
const RECENT = 5;

export class Rates {
  constructor() {
    this.counts = { short: new Series(1, 601, 2), long: new Series(60, 1441, 2) };
    this.times = { short: new Series(1, 601, 2), long: new Series(60, 1441, 2) };
    this.span = 'short';
    /** How far the engine's clock is ahead of this one, in milliseconds, as far as is known. */
    this.ahead = null;
    byId('span').addEventListener('change', (event) => {
      this.span = event.target.value;
      this.draw();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId('rates'));
    setInterval(() => this.draw(), 1000);
  }

  /** Counts an outcome or an event by the engine's time. */
  count(kind, timestamp) {
    const at = milliseconds(timestamp);
    const ahead = at - Date.now();
    if (this.ahead === null || ahead > this.ahead) this.ahead = ahead;
    const lane = { settled: SETTLED, refused: REFUSED }[kind];
    if (lane === undefined) return;
    for (const series of Object.values(this.counts)) series.add(at / 1000, lane, 1);
  }

  /** Keeps quantiles of the latency, in seconds, and shows them. */
  latency(p50, p99) {
    const at = this.now();
    if (p50 !== null) {
      for (const series of Object.values(this.times)) {
        series.raise(at, P50, p50);
        series.raise(at, P99, p99);
      }
    }
    setText(byId('p50'), p50 === null ? '–' : duration(p50));
    setText(byId('p99'), p99 === null ? '–' : duration(p99));
  }

  /** The engine's time in seconds. */
  now() {
    return (Date.now() + (this.ahead ?? 0)) / 1000;
  }

  draw() {
    if (document.hidden) return;
    const now = this.now();
    const all = [...Object.values(this.counts), ...Object.values(this.times)];
    if (this.ahead !== null) all.forEach((series) => series.reach(now));
    this.drawRates(this.counts[this.span]);
    this.drawLatency(this.times[this.span]);
  }

  drawRates(series) {
    const short = this.counts.short;
    const [settled, refused] = [SETTLED, REFUSED].map((lane) => short.sum(lane, RECENT) / RECENT);
    setText(byId('settled-rate'), rate(settled));
    setText(byId('refused-rate'), rate(refused));
    const most = largest(series, SETTLED, REFUSED) / series.seconds;
    const divide = series.seconds;
    const lanes = [
      { lane: SETTLED, color: '--settled', divide, fill: true },
      { lane: REFUSED, color: '--refused', divide },
    ];
    const isPart = (value) => value > 0 && value < 1;
    const label = (value) => (isPart(value) ? value.toFixed(1) : grouped(Math.round(value)));
    draw(byId('rate-plot'), series, lanes, { scale: linear(most), label });
    const text = `${rate(settled)} settled and ${rate(refused)} refused a second now, at most `
      + `${rate(most)} within ${this.spanText()}`;
    byId('rate-plot').setAttribute('aria-label', text);
  }

  drawLatency(series) {
    const most = largest(series, P50, P99);
    if (most === 0) return;
    const lanes = [
      { lane: P50, color: '--p50' },
      { lane: P99, color: '--p99' },
    ];
    const scale = logarithmic(smallest(series, P50), most);
    draw(byId('latency-plot'), series, lanes, { scale, label: duration, gaps: true });
    const text = `99 of 100 within at most ${duration(most)} in ${this.spanText()}`;
    byId('latency-plot').setAttribute('aria-label', text);
  }

  spanText() {
    return this.span === 'short' ? '10 minutes' : '24 hours';
  }
}

function largest(series, ...lanes) {
  let most = 0;
  for (const lane of lanes) {
    for (let back = 1; back < series.length; back += 1) {
      most = Math.max(most, series.get(lane, back));
    }
  }
  return most;
}

function smallest(series, lane) {
  let least = Infinity;
  for (let back = 0; back < series.length; back += 1) {
    const value = series.get(lane, back);
    if (value > 0) least = Math.min(least, value);
  }
  return least;
}
