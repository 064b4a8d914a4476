/** Integers of the protocol: unsigned, little-endian, of up to 128 bits. */

/** A whole number that is not negative: a `bigint`, a safe `number`, or decimal digits. */
export type Integer = bigint | number | string;

/** The largest integer of 128 bits: in the amount of a post it means the whole amount. */
export const AMOUNT_MAX = (1n << 128n) - 1n;

const WORD = 0x1_0000_0000;
const MAX_OF: Readonly<Record<number, bigint>> = {
  1: 0xffn,
  2: 0xffffn,
  4: 0xffff_ffffn,
  8: (1n << 64n) - 1n,
  16: AMOUNT_MAX,
};

function outOfRange(value: unknown, bytes: number, name: string): never {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const kind = typeof value === 'number' && !Number.isSafeInteger(value) ? ' a safe integer,' : '';
  throw new RangeError(`${name} must be${kind} 0 to 2^${8 * bytes} - 1, not ${shown}`);
}

/** The integer as a `bigint`, if it fits into so many bytes; otherwise a `RangeError`. */
export function bigOf(value: Integer, bytes: number, name: string): bigint {
  let big: bigint;
  if (typeof value === 'bigint') big = value;
  else if (typeof value === 'number' && Number.isSafeInteger(value)) big = BigInt(value);
  else if (typeof value === 'string' && /^[0-9]{1,39}$/.test(value)) big = BigInt(value);
  else outOfRange(value, bytes, name);
  return big >= 0n && big <= MAX_OF[bytes]! ? big : outOfRange(value, bytes, name);
}

/** The integer as a `number`, if it fits into at most 4 bytes; otherwise a `RangeError`. */
export function smallOf(value: Integer | undefined, bytes: number, name: string): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number') return Number(bigOf(value, bytes, name));
  const fits = Number.isSafeInteger(value) && value >= 0 && value < 2 ** (8 * bytes);
  return fits ? value : outOfRange(value, bytes, name);
}

/** Writes 8 or 16 bytes; the place holds zeros before. */
function putWide(
  view: DataView,
  at: number,
  value: Integer | undefined,
  bytes: number,
  name: string,
): void {
  if (value === undefined) return;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
    view.setUint32(at, value, true);
    if (value >= WORD) view.setUint32(at + 4, value / WORD, true);
    return;
  }
  const big = bigOf(value, bytes, name);
  // Takes the low 64 bits.
  view.setBigUint64(at, big, true);
  if (big > MAX_OF[8]!) view.setBigUint64(at + 8, big >> 64n, true);
}

export function put128(view: DataView, at: number, value: Integer | undefined, name: string): void {
  putWide(view, at, value, 16, name);
}

export function put64(view: DataView, at: number, value: Integer | undefined, name: string): void {
  putWide(view, at, value, 8, name);
}

export function put32(view: DataView, at: number, value: Integer | undefined, name: string): void {
  view.setUint32(at, smallOf(value, 4, name), true);
}

export function put16(view: DataView, at: number, value: Integer | undefined, name: string): void {
  view.setUint16(at, smallOf(value, 2, name), true);
}

/** Writes 0 or 1. */
export function putFlag(
  view: DataView,
  at: number,
  value: boolean | undefined,
  name: string,
): void {
  if (value === undefined || value === false) return;
  if (value !== true) throw new TypeError(`${name} is true or false, not ${String(value)}`);
  view.setUint8(at, 1);
}

export function get64(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true);
}

export function get128(view: DataView, at: number): bigint {
  const low = view.getBigUint64(at, true);
  if (view.getUint32(at + 8, true) === 0 && view.getUint32(at + 12, true) === 0) return low;
  return (view.getBigUint64(at + 8, true) << 64n) | low;
}

export function get32(view: DataView, at: number): number {
  return view.getUint32(at, true);
}

export function get16(view: DataView, at: number): number {
  return view.getUint16(at, true);
}
