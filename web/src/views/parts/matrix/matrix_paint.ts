// A matrix onto a canvas: the cells in view at a whole number of device pixels each, or a coarser level of them.
import { place, type Scale, type Theme } from '../../../plot/colour';
import { COLOURS, wordsOf } from '../../../plot/raster';
import { maxPooled, type Arrangement, type Box } from '../../../attention/matrix';

const STEPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/** Device pixels a cell: whole, or one over a whole number where the matrix does not fit at all. */
export function fitScale(cells: Arrangement, width: number, height: number): number {
  const fit = Math.min(width / cells.width, height / cells.height);
  return fit >= 1 ? Math.floor(fit) : 1 / Math.ceil(1 / Math.max(fit, 1 / 64));
}

/** The next larger or smaller scale, never below the one that shows all. */
export function zoomed(scale: number, direction: 1 | -1, least: number): number {
  const next = direction > 0 ? STEPS.find((step) => step > scale) : STEPS.findLast((step) => step < scale);
  return Math.max(least, next ?? (direction > 0 ? scale : least));
}

/** Cells as an image of one pixel each; NaN stays transparent. */
export function cellImage(cells: Float32Array, width: number, part: Box, scale: Scale, theme: Theme): ImageData {
  const image = new ImageData(part.width, part.height);
  const words = new Uint32Array(image.data.buffer);
  const table = wordsOf(false, theme);
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const value = cells[(part.y + y) * width + part.x + x]!;
      if (value === value) words[y * part.width + x] = table[Math.round(place(scale, value) * (COLOURS - 1))]!;
    }
  }
  return image;
}

export interface Window {
  /** Device pixels a cell. */
  readonly scale: number;
  /** The cell in the top left corner. */
  readonly left: number;
  readonly top: number;
}

/** Coarser levels of one raster, made when they are first drawn. */
export class Levels {
  readonly #levels = new Map<number, Float32Array>();
  readonly cells: Float32Array;
  readonly arrangement: Arrangement;

  constructor(cells: Float32Array, arrangement: Arrangement) {
    this.cells = cells;
    this.arrangement = arrangement;
  }

  at(factor: number): Float32Array {
    if (factor === 1) return this.cells;
    const { width, height } = this.arrangement;
    const level = this.#levels.get(factor) ?? maxPooled(this.cells, width, height, factor);
    this.#levels.set(factor, level);
    return level;
  }
}

/** What of the matrix lies in the window, exact where a cell has a pixel of its own. */
export function paintMatrix(
  canvas: HTMLCanvasElement,
  levels: Levels,
  window: Window,
  scale: Scale,
  theme: Theme,
): void {
  const context = canvas.getContext('2d')!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { width, height } = levels.arrangement;
  const factor = window.scale >= 1 ? 1 : Math.round(1 / window.scale);
  const enlarge = Math.max(1, window.scale);
  const [cols, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const x = Math.floor(window.left / factor);
  const y = Math.floor(window.top / factor);
  const part = {
    x,
    y,
    width: Math.min(cols - x, Math.ceil(canvas.width / enlarge) + 1),
    height: Math.min(rows - y, Math.ceil(canvas.height / enlarge) + 1),
  };
  if (part.width <= 0 || part.height <= 0) return;
  const small = new OffscreenCanvas(part.width, part.height);
  small.getContext('2d')!.putImageData(cellImage(levels.at(factor), cols, part, scale, theme), 0, 0);
  context.imageSmoothingEnabled = false;
  const [dx, dy] = [(x - window.left / factor) * enlarge, (y - window.top / factor) * enlarge];
  context.drawImage(small, Math.round(dx), Math.round(dy), part.width * enlarge, part.height * enlarge);
}

/** Frames around cells: dark below, light above, so that they show on every colour. */
export function paintFrames(
  canvas: HTMLCanvasElement,
  window: Window,
  frames: readonly { box: Box; colour: string }[],
): void {
  const context = canvas.getContext('2d')!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const { box, colour } of frames) {
    const x = Math.round((box.x - window.left) * window.scale) - 0.5;
    const y = Math.round((box.y - window.top) * window.scale) - 0.5;
    const [width, height] = [Math.round(box.width * window.scale) + 1, Math.round(box.height * window.scale) + 1];
    context.strokeStyle = '#000';
    context.lineWidth = 3;
    context.strokeRect(x, y, width, height);
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.strokeRect(x, y, width, height);
  }
}
