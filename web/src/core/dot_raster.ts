// Very many dots as pixels: small discs written straight into a bitmap, a hundred thousand in a few milliseconds.
import type { Rgb } from './colour';

/** A bitmap of words 0xAABBGGRR, as ImageData holds them. */
export interface Raster {
  readonly words: Uint32Array;
  readonly width: number;
  readonly height: number;
}

/** How much of each pixel around its middle a disc covers, in 0..256, row by row. */
interface Stamp {
  readonly offset: number;
  readonly side: number;
  readonly cover: Uint16Array;
}

export function stampOf(radius: number, strength = 1): Stamp {
  const offset = Math.ceil(radius - 0.5);
  const side = 2 * offset + 1;
  const cover = Uint16Array.from({ length: side * side }, (_, i) => {
    const distance = Math.hypot((i % side) - offset, Math.floor(i / side) - offset);
    return Math.round(256 * strength * Math.max(0, Math.min(1, radius + 0.5 - distance)));
  });
  return { offset, side, cover };
}

/**
 * Draw dots over what is there. `places` are pixels [dot, 2], `list` the dots, `colourOf` gives each one's colour out of
 * `colours`; a colour of undefined is not drawn. The bitmap is opaque or empty, and stays so where nothing is drawn.
 */
export function drawDots(
  raster: Raster,
  places: Float32Array,
  list: ArrayLike<number>,
  colourOf: (dot: number) => number,
  colours: readonly (Rgb | undefined)[],
  stamp: Stamp,
): void {
  const { words, width, height } = raster;
  const { offset, side, cover } = stamp;
  for (let at = 0; at < list.length; at++) {
    const dot = list[at]!;
    const colour = colours[colourOf(dot)];
    if (!colour) continue;
    const [left, top] = [Math.round(places[2 * dot]!) - offset, Math.round(places[2 * dot + 1]!) - offset];
    if (!(left >= 0 && top >= 0 && left + side <= width && top + side <= height)) continue; // NaN too
    const [red, green, blue] = colour;
    for (let row = 0; row < side; row++) {
      let word = (top + row) * width + left;
      for (let i = row * side; i < (row + 1) * side; i++, word++) {
        const share = cover[i]!;
        if (share) words[word] = blended(words[word]!, red, green, blue, share);
      }
    }
  }
}

function blended(under: number, red: number, green: number, blue: number, share: number): number {
  const rest = 256 - share;
  const alpha = under >>> 24;
  if (alpha === 0) return ((Math.min(255, share) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const r = ((under & 255) * rest + red * share) >> 8;
  const g = (((under >> 8) & 255) * rest + green * share) >> 8;
  const b = (((under >> 16) & 255) * rest + blue * share) >> 8;
  const a = Math.min(255, alpha + (((255 - alpha) * share) >> 8));
  return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
