// A matrix at the common size as a small picture: coarser by the largest value where a cell has no pixel of its own,
// without the row and column of tokens that the model lacks.
import { SIDE } from '../../../session/patterns.svelte';
import { scaleFor, type Theme } from '../../../plot/colour';
import { maxPooled } from '../../../attention/matrix';
import type { TokenInfo } from '../../../io/wire';
import { cellImage } from '../matrix/matrix_paint';

/** Prefix tokens are drawn as wide as so many cells: a line of one would be lost. */
const PREFIX_CELLS = 3;

/** Rows of a common matrix that the layout has: CLS is the first, all other prefix tokens are the second. */
function present(tokens: TokenInfo): number[] {
  const others = tokens.prefix.some((_, at) => at !== tokens.cls);
  const wide = (at: number, there: boolean): number[] => (there ? Array<number>(PREFIX_CELLS).fill(at) : []);
  const cells = Array.from({ length: SIDE - 2 }, (_, at) => at + 2);
  return [...wide(0, tokens.cls !== null), ...wide(1, others), ...cells];
}

/** The cells that are there, row by row, and how many a side. */
export function cropped(
  matrix: Float32Array,
  tokens: TokenInfo,
): { readonly cells: Float32Array; readonly side: number } {
  const kept = present(tokens);
  const cells = new Float32Array(kept.length ** 2);
  kept.forEach((row, y) => kept.forEach((col, x) => (cells[y * kept.length + x] = matrix[row * SIDE + col]!)));
  return { cells, side: kept.length };
}

/** Draw a matrix into a square of device pixels, colours from 0 to its own largest value. */
export function drawGlyph(
  context: CanvasRenderingContext2D,
  matrix: Float32Array,
  tokens: TokenInfo,
  box: { readonly x: number; readonly y: number; readonly side: number },
  scale: 'log' | 'linear',
  theme: Theme,
): void {
  const { cells, side } = cropped(matrix, tokens);
  const factor = Math.max(1, Math.floor(side / box.side));
  const pooled = factor > 1 ? maxPooled(cells, side, side, factor) : cells;
  const cols = Math.ceil(side / factor);
  const image = cellImage(
    pooled,
    cols,
    { x: 0, y: 0, width: cols, height: cols },
    scaleFor(pooled, false, scale),
    theme,
  );
  const small = new OffscreenCanvas(cols, cols);
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = box.side % cols !== 0 && box.side < 3 * cols; // cells of unequal width would look like structure
  context.drawImage(small, box.x, box.y, box.side, box.side);
}
