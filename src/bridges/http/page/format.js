// Numbers, times and names as people read them.

/** Digits with their thousands apart. Takes numbers, bigints and strings of digits. */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A rate with as many places as are of use. */
export function rate(number) {
  if (number === 0) return '0';
  return number < 10 ? number.toFixed(1) : grouped(Math.round(number));
}

/** Seconds, in the unit that fits. */
export function duration(seconds) {
  if (seconds === null) return '–';
  if (seconds < 1e-3) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 1) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 120) return `${digits(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

function digits(number) {
  return number < 10 ? number.toFixed(1) : String(Math.round(number));
}

/** Bytes, in the unit that fits. */
export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; number >= 1024 && unit < units.length - 1; unit += 1) number /= 1024;
  return `${unit === 0 ? number : digits(number)} ${units[unit]}`;
}

/** Milliseconds since the Unix epoch of an engine's timestamp, a string of nanoseconds. */
export function milliseconds(timestamp) {
  return Number(timestamp.slice(0, -6) || '0');
}

/** The time of day of an engine's timestamp, to the millisecond, where the reader is. */
export function timeOfDay(timestamp) {
  const time = new Date(milliseconds(timestamp));
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const rest = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(hours)}:${two(minutes)}:${two(seconds)}.${rest}`;
}

/** Day and time of an engine's timestamp. */
export function dayAndTime(timestamp) {
  const time = new Date(milliseconds(timestamp));
  const two = (number) => String(number).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${timeOfDay(timestamp)}`;
}

/** A name of the text format as words: `exceeds_credits` is `exceeds credits`. */
export function words(name) {
  return name.replaceAll('_', ' ');
}

/**
 * The text that 128 bits of user data hold: bytes of printable ASCII, the first in the highest
 * bits. `null` where they hold anything else.
 */
export function textOf(userData) {
  if (!userData || userData === '0') return null;
  let hex = BigInt(userData).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const codes = hex.match(/../g).map((byte) => parseInt(byte, 16));
  const isText = codes.length >= 3 && codes.every((code) => code >= 0x20 && code < 0x7f);
  return isText ? String.fromCharCode(...codes) : null;
}
