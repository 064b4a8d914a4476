// Small plots on a canvas.

const PAD_LEFT = 52;
const PAD_BOTTOM = 16;
const PAD_TOP = 6;

/** A canvas that is as sharp as the screen; `null` where it is not shown. */
function begin(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0) return null;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const color = (name) => style.getPropertyValue(name).trim();
  context.font = `11px ${style.fontFamily}`;
  return { context, width, height, color, inner: height - PAD_TOP - PAD_BOTTOM };
}

/** A round number that is at least `number`. */
export function roundUp(number) {
  const power = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= number);
}

/** A scale from 0, with three lines. */
export function linear(most) {
  const top = roundUp(most);
  return { at: (value) => value / top, lines: [0, top / 2, top] };
}

/** A scale in powers of ten around `least` and `most`. */
export function logarithmic(least, most) {
  const low = Math.floor(Math.log10(least));
  const high = Math.max(Math.ceil(Math.log10(most)), low + 1);
  const lines = [];
  for (let power = low; power <= high; power += 1) lines.push(10 ** power);
  return { at: (value) => (Math.log10(value) - low) / (high - low), lines };
}

/**
 * Draws lanes of a series over time. `lanes` have `lane`, `color`, `divide` and `fill`; a value of
 * 0 is left out where `gaps` is set. A column of pixels shows the largest of its values.
 */
export function draw(canvas, series, lanes, { scale, label, gaps = false }) {
  const drawing = begin(canvas);
  if (drawing === null || series.last === null) return;
  const { context, width, height, color, inner } = drawing;
  const y = (value) => PAD_TOP + inner * (1 - scale.at(value));
  drawFrame(drawing, scale, label, y);
  drawTimes(drawing, series);
  const columns = Math.floor(width - PAD_LEFT);
  for (const lane of lanes) {
    context.beginPath();
    let isDown = false;
    for (let column = 0; column < columns; column += 1) {
      const value = largest(series, lane, columns - 1 - column, columns);
      if (value === null || (gaps && value === 0)) {
        isDown = false;
        continue;
      }
      const x = PAD_LEFT + column + 0.5;
      if (isDown) context.lineTo(x, y(value));
      else context.moveTo(x, y(value));
      isDown = true;
    }
    context.strokeStyle = color(lane.color);
    context.lineWidth = 1.5;
    context.stroke();
    if (lane.fill) {
      context.lineTo(width - 0.5, height - PAD_BOTTOM);
      context.lineTo(PAD_LEFT, height - PAD_BOTTOM);
      context.globalAlpha = 0.15;
      context.fillStyle = color(lane.color);
      context.fill();
      context.globalAlpha = 1;
    }
  }
}

/** The largest value of the spans under a column, counted from the right. */
function largest(series, { lane, divide = 1 }, fromRight, columns) {
  // The newest span is not complete.
  const spans = series.length - 1;
  const first = 1 + Math.floor((fromRight * spans) / columns);
  const last = Math.max(first, Math.floor(((fromRight + 1) * spans) / columns));
  let value = 0;
  for (let back = first; back <= last; back += 1) value = Math.max(value, series.get(lane, back));
  return value / divide;
}

function drawFrame({ context, width, color }, scale, label, y) {
  context.strokeStyle = color('--line');
  context.fillStyle = color('--muted');
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const value of scale.lines) {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(PAD_LEFT, at);
    context.lineTo(width, at);
    context.stroke();
    context.fillText(label(value), PAD_LEFT - 6, Math.max(at, 7));
  }
}

function drawTimes({ context, width, height, color }, series) {
  context.fillStyle = color('--muted');
  context.textBaseline = 'bottom';
  const total = series.seconds * series.length;
  const text = (share) => {
    const seconds = total * (1 - share);
    if (seconds === 0) return 'now';
    const [unit, name] = total > 7200 ? [3600, 'h'] : [60, 'min'];
    return `−${Math.round(seconds / unit)} ${name}`;
  };
  for (const [share, align] of [[0, 'left'], [0.5, 'center'], [1, 'right']]) {
    context.textAlign = align;
    context.fillText(text(share), PAD_LEFT + (width - PAD_LEFT) * share, height);
  }
}
