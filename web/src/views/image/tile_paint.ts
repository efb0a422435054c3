// The small maps of all heads on one canvas, and what is pointed at in every one of them on a canvas above.
import { patchMap, type Rows } from '../../core/attention';
import type { Theme } from '../../core/colour';
import { mapImage } from '../parts/paint';
import type { TilePlan } from './tile_plan';

interface TilePlace {
  readonly layer: number;
  readonly head: number;
  readonly left: number;
  readonly top: number;
}

/** A canvas that covers the plan, at device resolution and empty. */
function covering(canvas: HTMLCanvasElement, plan: TilePlan): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(plan.width * ratio);
  canvas.height = Math.round(plan.height * ratio);
  return canvas.getContext('2d')!;
}

/** Each layer has its own scale, shared by its heads; without rows the canvas is left empty. */
export function paintTiles(
  canvas: HTMLCanvasElement,
  plan: TilePlan,
  rows: Rows | null,
  places: readonly TilePlace[],
  tops: readonly number[],
  theme: Theme,
): void {
  const context = covering(canvas, plan);
  if (!rows) return;
  const ratio = window.devicePixelRatio || 1;
  const scaled = (length: number): number => Math.round(length * ratio);
  const small = new OffscreenCanvas(rows.tokens.cols, rows.tokens.rows);
  const brush = small.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  for (const { layer, head, left, top } of places) {
    brush.putImageData(mapImage(patchMap(rows, layer, head), rows.tokens.cols, tops[layer]!, theme), 0, 0);
    context.drawImage(small, scaled(left), scaled(top), scaled(plan.tile.width), scaled(plan.tile.height));
  }
}

/** A frame around one patch in every map, dark outside and light inside; null for none. */
export function paintMarks(canvas: HTMLCanvasElement, plan: TilePlan, places: readonly TilePlace[], patch: { row: number; col: number } | null): void {
  if (!patch) {
    [canvas.width, canvas.height] = [1, 1];
    return;
  }
  const context = covering(canvas, plan);
  const ratio = window.devicePixelRatio || 1;
  context.scale(ratio, ratio);
  const [x, y] = [patch.col * plan.scale, patch.row * plan.scale];
  for (const [colour, reach] of [['#000', 1.5], ['#fff', 0.5]] as const) {
    context.strokeStyle = colour;
    const side = plan.scale + 2 * reach;
    for (const { left, top } of places) context.strokeRect(left + x - reach, top + y - reach, side, side);
  }
}
