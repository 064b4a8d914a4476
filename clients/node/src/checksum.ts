/**
 * CRC-32C, sixteen bytes a step.
 *
 * Table n holds the sums of each byte with n zero bytes behind it, so the sixteen look-ups of a
 * step do not depend on each other.
 */

const POLYNOMIAL = 0x82f63b78;
const STEP = 16;

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    tables[byte] = sum;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

const T = makeTables();

/** The sum of `bytes` from `start` up to `end`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let sum = -1;
  let at = start;
  for (const last = end - STEP; at <= last; at += STEP) {
    sum ^=
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      T[3840 + (sum & 0xff)]! ^
      T[3584 + ((sum >>> 8) & 0xff)]! ^
      T[3328 + ((sum >>> 16) & 0xff)]! ^
      T[3072 + (sum >>> 24)]! ^
      T[2816 + bytes[at + 4]!]! ^
      T[2560 + bytes[at + 5]!]! ^
      T[2304 + bytes[at + 6]!]! ^
      T[2048 + bytes[at + 7]!]! ^
      T[1792 + bytes[at + 8]!]! ^
      T[1536 + bytes[at + 9]!]! ^
      T[1280 + bytes[at + 10]!]! ^
      T[1024 + bytes[at + 11]!]! ^
      T[768 + bytes[at + 12]!]! ^
      T[512 + bytes[at + 13]!]! ^
      T[256 + bytes[at + 14]!]! ^
      T[bytes[at + 15]!]!;
  }
  for (; at < end; at++) sum = (sum >>> 8) ^ T[(sum ^ bytes[at]!) & 0xff]!;
  return ~sum >>> 0;
}
