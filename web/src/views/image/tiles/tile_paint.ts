// The small maps of all heads on one canvas, and what is pointed at in every one of them on a canvas above.
import { patchMap, type Rows } from '../../../attention/rows';
import type { Theme } from '../../../plot/colour';
import { drawMaps } from '../../parts/paint';
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
  const context = canvas.getContext('2d')!;
  const [width, height] = [Math.round(plan.width * ratio), Math.round(plan.height * ratio)];
  // Another size takes new memory and forgets the drawing; the same one is only emptied.
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  else {
    context.resetTransform();
    context.clearRect(0, 0, width, height);
  }
  return context;
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
  const maps = places.map(({ layer, head, left, top }) => ({
    values: patchMap(rows, layer, head),
    top: tops[layer]!,
    x: scaled(left),
    y: scaled(top),
  }));
  drawMaps(context, maps, rows.tokens, { width: scaled(plan.tile.width), height: scaled(plan.tile.height) }, theme);
}

/** A frame around one patch in every map, dark outside and light inside; null for none. */
export function paintMarks(
  canvas: HTMLCanvasElement,
  plan: TilePlan,
  places: readonly TilePlace[],
  patch: { row: number; col: number } | null,
): void {
  if (!patch) {
    [canvas.width, canvas.height] = [1, 1];
    return;
  }
  const context = covering(canvas, plan);
  const ratio = window.devicePixelRatio || 1;
  context.scale(ratio, ratio);
  const [x, y] = [patch.col * plan.scale, patch.row * plan.scale];
  for (const [colour, reach] of [
    ['#000', 1.5],
    ['#fff', 0.5],
  ] as const) {
    context.strokeStyle = colour;
    const side = plan.scale + 2 * reach;
    for (const { left, top } of places) context.strokeRect(left + x - reach, top + y - reach, side, side);
  }
}
