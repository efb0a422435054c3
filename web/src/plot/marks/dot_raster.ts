// Very many dots as pixels: small discs written straight into a bitmap, a hundred thousand in a few milliseconds.
import type { Rgb } from '../colour';

/** A bitmap of words 0xAABBGGRR, as ImageData holds them. */
export interface Raster {
  readonly words: Uint32Array;
  readonly width: number;
  readonly height: number;
}

/** The pixels around its middle that a disc covers, and how much of each, in 1..256. */
export interface Stamp {
  readonly reach: number;
  readonly across: Int8Array;
  readonly down: Int8Array;
  readonly cover: Uint16Array;
}

export function stampOf(radius: number): Stamp {
  const reach = Math.ceil(radius - 0.5);
  const pixels: [number, number, number][] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const share = Math.round(FULL * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y))));
      if (share) pixels.push([x, y, share]);
    }
  }
  const column = (at: 0 | 1 | 2): number[] => pixels.map((pixel) => pixel[at]);
  return {
    reach,
    across: Int8Array.from(column(0)),
    down: Int8Array.from(column(1)),
    cover: Uint16Array.from(column(2)),
  };
}

const FULL = 256;

/**
 * Draw dots over what is there. `places` are pixels [dot, 2], `list` the dots, `codes` give each one's colour out of
 * `colours`; a colour of undefined is not drawn. The bitmap is opaque or empty, and stays so where nothing is drawn.
 */
export function drawDots(
  raster: Raster,
  places: Float32Array,
  list: ArrayLike<number>,
  codes: ArrayLike<number> | null,
  colours: readonly (Rgb | undefined)[],
  stamp: Stamp,
): void {
  const { words, width, height } = raster;
  const { reach, across, down, cover } = stamp;
  const offsets = Int32Array.from(across, (x, i) => down[i]! * width + x);
  const whole = colours.map((colour) =>
    colour ? ((FULL - 1) << 24) | (colour[2] << 16) | (colour[1] << 8) | colour[0] : 0,
  );
  for (let at = 0; at < list.length; at++) {
    const dot = list[at]!;
    const word = whole[codes ? codes[dot]! : 0]!;
    if (!word) continue;
    const [x, y] = [Math.round(places[2 * dot]!), Math.round(places[2 * dot + 1]!)];
    if (!(x >= reach && y >= reach && x < width - reach && y < height - reach)) continue; // NaN too
    const middle = y * width + x;
    for (let i = 0; i < offsets.length; i++) {
      const pixel = middle + offsets[i]!;
      words[pixel] = cover[i]! >= FULL ? word : blended(words[pixel]!, word, cover[i]!);
    }
  }
}

/** A colour over another, each part in its place of the word; over nothing it is itself, so much opaque. */
function blended(under: number, over: number, share: number): number {
  const alpha = under >>> 24;
  if (alpha === 0) return (share << 24) | (over & 0xffffff);
  const rest = FULL - share;
  const redBlue = (((under & 0xff00ff) * rest + (over & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const green = (((under & 0xff00) * rest + (over & 0xff00) * share) >>> 8) & 0xff00;
  return ((alpha + (((FULL - 1 - alpha) * share) >> 8)) << 24) | redBlue | green;
}
