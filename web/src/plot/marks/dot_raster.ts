// Very many dots as pixels: small discs written straight into a bitmap, a hundred thousand in a few milliseconds.
import type { Rgb } from '../colour';
import type { Shape } from '../scene';

/** Thickness of the lines of rings and crosses, in radii. */
export const STROKE = 0.6;

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

export function stampOf(radius: number, shape: Shape = 'disc'): Stamp {
  const reach = Math.ceil(radius - 0.5 + (shape === 'ring' || shape === 'cross' ? (radius * STROKE) / 2 : 0));
  const pixels: [number, number, number][] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const share = Math.round(FULL * Math.max(0, Math.min(1, 0.5 - beyond(shape, radius, x, y))));
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

/** How far a place lies outside of a shape; less than 0 inside. */
function beyond(shape: Shape, radius: number, x: number, y: number): number {
  const away = Math.hypot(x, y);
  if (shape === 'disc') return away - radius;
  if (shape === 'ring') return Math.abs(away - radius) - (radius * STROKE) / 2;
  const [across, down] = [Math.abs(x), Math.abs(y)];
  if (shape === 'square') return Math.max(across, down) - radius;
  const along = Math.min(radius, (across + down) / 2); // of the nearest point of the cross, on both axes
  return Math.hypot(across - along, down - along) - (radius * STROKE) / 2;
}

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
