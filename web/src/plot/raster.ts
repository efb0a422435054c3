// Cells and very many points as pixels: words 0xAABBGGRR, as ImageData and a file's picture hold them.

import { colourAt, rgb, type Theme } from './colour';
import { colourOf } from './inks';
import { drawDots, stampOf } from './marks/dot_raster';
import type { Points, Raster } from './scene';

export interface Pixels {
  readonly words: Uint32Array;
  readonly width: number;
  readonly height: number;
}

export const COLOURS = 256;
const tables = new Map<string, Uint32Array>();

/** The colours for values as words, at places 0 to 1: a colour a value would cost more than all the rest of a picture. */
export function wordsOf(signed: boolean, theme: Theme): Uint32Array {
  const key = `${signed}/${theme}`;
  const known = tables.get(key);
  if (known) return known;
  const made = Uint32Array.from({ length: COLOURS }, (_, i) => {
    const [red, green, blue] = colourAt(i / (COLOURS - 1), signed, theme);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  tables.set(key, made);
  return made;
}

/** A pixel a cell; transparent where there is no value. */
export function cellPixels({ places, cols, signed }: Raster, theme: Theme): Pixels {
  const table = wordsOf(signed, theme);
  const words = Uint32Array.from(places, (place) =>
    place === place ? table[Math.round(Math.max(0, Math.min(1, place)) * (COLOURS - 1))]! : 0,
  );
  return { words, width: cols, height: places.length / cols };
}

/** Points on a ground of their own, `fine` pixels for each of the drawing. */
export function pointPixels(points: Points, width: number, height: number, fine: number, theme: Theme): Pixels {
  const { xs, ys, codes, paints, shape, r } = points;
  const pixels = { words: new Uint32Array(width * fine * height * fine), width: width * fine, height: height * fine };
  const places = new Float32Array(2 * xs.length);
  for (let i = 0; i < xs.length; i++) [places[2 * i], places[2 * i + 1]] = [fine * xs[i]!, fine * ys[i]!];
  drawDots(
    pixels,
    places,
    Array.from({ length: xs.length }, (_, i) => i),
    codes ?? null,
    paints.map((paint) => rgb(colourOf(paint, theme))),
    stampOf(fine * r, shape),
  );
  return pixels;
}

function imageOf(cells: Raster, theme: Theme): ImageData {
  const { words, width, height } = cellPixels(cells, theme);
  return new ImageData(new Uint8ClampedArray(words.buffer as ArrayBuffer), width, height);
}

/** Onto a canvas that the page enlarges without smoothing: a pixel a cell. */
export function paintCells(canvas: HTMLCanvasElement, cells: Raster, theme: Theme): void {
  const image = imageOf(cells, theme);
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/** Each where it lies, enlarged without smoothing. */
export function drawCells(context: CanvasRenderingContext2D, all: readonly Raster[], theme: Theme): void {
  context.imageSmoothingEnabled = false;
  for (const cells of all) {
    const image = imageOf(cells, theme);
    const small = new OffscreenCanvas(image.width, image.height);
    small.getContext('2d')!.putImageData(image, 0, 0);
    context.drawImage(small, cells.x, cells.y, cells.width, cells.height);
  }
}
