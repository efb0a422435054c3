// Pixels as a PNG, without the browser: a file of a drawing is written where there is no canvas, too. Lossless.

import type { Pixels } from './raster';

/** The picture as an address that holds it. */
export const pngUrl = (pixels: Pixels): string => `data:image/png;base64,${base64(png(pixels))}`;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [TRUE_COLOUR_ALPHA, INDEXED] = [6, 3];

/** With a palette where there are at most 256 colours: a quarter of the bytes. */
export function png({ words, width, height }: Pixels): Uint8Array {
  const found = new Map<number, number>();
  for (let i = 0; i < words.length && found.size <= 256; i++) {
    if (!found.has(words[i]!)) found.set(words[i]!, found.size);
  }
  const indexed = found.size <= 256;
  const size = indexed ? 1 : 4;
  const stride = width * size + 1; // each row begins with its filter: none
  const rows = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [at, word] = [y * stride + 1 + x * size, words[y * width + x]!];
      if (indexed) rows[at] = found.get(word)!;
      else rows.set(parts(word), at);
    }
  }
  const colours = [...found.keys()].map(parts);
  return Uint8Array.from([
    ...SIGNATURE,
    ...chunk('IHDR', [...number(width), ...number(height), 8, indexed ? INDEXED : TRUE_COLOUR_ALPHA, 0, 0, 0]),
    ...(indexed
      ? chunk(
          'PLTE',
          colours.flatMap(([red, green, blue]) => [red, green, blue]),
        )
      : []),
    ...(indexed
      ? chunk(
          'tRNS',
          colours.map(([, , , alpha]) => alpha),
        )
      : []),
    ...chunk('IDAT', zlib(rows, stride)),
    ...chunk('IEND', []),
  ]);
}

const parts = (word: number): [red: number, green: number, blue: number, alpha: number] => [
  word & 255,
  (word >>> 8) & 255,
  (word >>> 16) & 255,
  word >>> 24,
];
const number = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

function chunk(name: string, data: ArrayLike<number>): number[] {
  const body = [...name].map((letter) => letter.charCodeAt(0));
  for (let i = 0; i < data.length; i++) body.push(data[i]!);
  return [...number(data.length), ...body, ...number(crc32(body))];
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte >>> 0;
});

function crc32(bytes: readonly number[]): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

const [LEAST_MATCH, MOST_MATCH, FARTHEST] = [3, 258, 32768];
/** The code of a length or distance, from the first value of each and the bits that follow it (RFC 1951, 3.2.5). */
const LENGTHS = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCES = Array.from({ length: 30 }, (_, code) =>
  code < 4 ? code + 1 : ((2 + (code & 1)) << ((code >> 1) - 1)) + 1,
);

/** A code is written from its highest bit on, all else from the lowest. */
function reversed(code: number, bits: number): number {
  let turned = 0;
  for (let bit = 0; bit < bits; bit++) turned |= ((code >>> bit) & 1) << (bits - 1 - bit);
  return turned;
}
/** The fixed codes of bytes, of the end and of lengths, with their bits. */
const SYMBOLS = Array.from({ length: 286 }, (_, value): [code: number, bits: number] => {
  const [first, from, bits] =
    value < 144 ? [0x30, 0, 8] : value < 256 ? [0x190, 144, 9] : value < 280 ? [0, 256, 7] : [0xc0, 280, 8];
  return [reversed(first! + value - from!, bits!), bits!];
});

/** Deflated with the fixed codes; what repeats the pixel before or the row above is left out. */
function zlib(bytes: Uint8Array, stride: number): number[] {
  const out: number[] = [0x78, 0x01];
  let [held, many] = [0, 0];
  const put = (value: number, bits: number): void => {
    held |= value << many;
    for (many += bits; many >= 8; many -= 8) {
      out.push(held & 255);
      held >>>= 8;
    }
  };
  const symbol = (value: number): void => put(...SYMBOLS[value]!);
  const matched = (at: number, back: number): number => {
    if (back > at || back > FARTHEST) return 0;
    let length = 0;
    while (length < MOST_MATCH && at + length < bytes.length && bytes[at + length] === bytes[at + length - back])
      length++;
    return length;
  };
  put(0b011, 3); // the last block, fixed codes
  for (let at = 0; at < bytes.length;) {
    let [length, back] = [0, 0];
    for (const from of [1, 4, stride]) {
      const found = matched(at, from);
      if (found > length) [length, back] = [found, from];
    }
    if (length < LEAST_MATCH) {
      symbol(bytes[at++]!);
      continue;
    }
    const long = LENGTHS.findLastIndex((first) => first <= length);
    symbol(257 + long);
    put(length - LENGTHS[long]!, LENGTH_BITS[long]!);
    const far = DISTANCES.findLastIndex((first) => first <= back);
    put(reversed(far, 5), 5);
    put(back - DISTANCES[far]!, Math.max(0, (far >> 1) - 1));
    at += length;
  }
  symbol(256);
  if (many) put(0, 8 - many);
  return [...out, ...number(adler32(bytes))];
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const three = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => DIGITS[(three >>> shift) & 63]!);
    text += digits
      .join('')
      .slice(0, Math.min(4, bytes.length - i + 1))
      .padEnd(4, '=');
  }
  return text;
}
