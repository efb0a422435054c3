// Maps of one image on its patch grid: heads and layers fused into one, the scale of its colours, the patches that hold
// its mass, and its way from patches to pixels. As src/vitscope/measures/maps/rollout.py and cls_row.py.
import type { Rows } from './rows';
import { selected } from '../stats/kernels';
import { tokenCount } from '../ground/tokens';

export type Fusion = 'mean' | 'max' | 'min';

/** Slack of cuts: despite rounding, k of n equal patches hold the mass k / n. As measures/cls_row.py. */
const TOLERANCE = 1e-6;

/** Several rows of equal length into one; NaN wherever one of them is. */
export function fuse(rows: readonly Float32Array[], fusion: Fusion): Float32Array {
  const [first, ...others] = rows;
  if (!first) return new Float32Array(0);
  const fused = Float64Array.from(first);
  for (const row of others) {
    for (let i = 0; i < fused.length; i++) {
      const [a, b] = [fused[i]!, row[i]!];
      fused[i] = fusion === 'mean' ? a + b : fusion === 'max' ? Math.max(a, b) : Math.min(a, b);
    }
  }
  return Float32Array.from(fused, (value) => (fusion === 'mean' ? value / rows.length : value));
}

/** One head's attention from or to the token that was asked for, over all tokens. */
export function headRow(rows: Rows, layer: number, head: number): Float32Array {
  const size = tokenCount(rows.tokens);
  const start = (layer * rows.heads + head) * size;
  return rows.values.subarray(start, start + size);
}

/** The heads of a layer fused; `heads` as the layer has, not as the array has room for. */
export function layerRow(rows: Rows, layer: number, heads: number, fusion: Fusion): Float32Array {
  return fuse(
    Array.from({ length: heads }, (_, head) => headRow(rows, layer, head)),
    fusion,
  );
}

/** Shannon entropy in nats of weights rescaled to sum to 1; NaN where a weight is unknown or all are 0. */
export function entropy(weights: ArrayLike<number>): number {
  let [mass, sum] = [0, 0];
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!;
    mass += weight;
    if (weight > 0) sum += weight * Math.log(weight);
    else if (weight !== weight) return NaN;
  }
  return mass > 0 ? Math.max(0, Math.log(mass) - sum / mass) : NaN;
}

/** 1 - H / ln n of the patches' weights rescaled to sum to 1: 0 = even, 1 = one patch. */
export function focusOf(patches: ArrayLike<number>): number {
  return patches.length > 1 ? 1 - entropy(patches) / Math.log(patches.length) : NaN;
}

/** Places of the smallest set of patches that holds `share` of the mass on patches, the largest first. */
export function smallestSet(patches: ArrayLike<number>, share: number): number[] {
  const order = Array.from({ length: patches.length }, (_, i) => i).filter((i) => patches[i]! > 0);
  order.sort((a, b) => patches[b]! - patches[a]! || a - b);
  const mass = order.reduce((sum, i) => sum + patches[i]!, 0);
  let held = 0;
  for (let n = 0; n < order.length; n++) {
    held += patches[order[n]!]!;
    if (held >= (share - TOLERANCE) * mass) return order.slice(0, n + 1);
  }
  return order;
}

/** Smallest share of the patches that holds 60 % of the mass on patches; NaN without mass. */
export function coverageOf(patches: ArrayLike<number>, share = 0.6): number {
  const n = smallestSet(patches, share).length;
  return n === 0 ? NaN : n / patches.length;
}

/** Top of the colours at the 99th percentile (linear between values), and how many patches lie above it. */
export function clipped(patches: Float32Array, share = 0.99): { readonly top: number; readonly above: number } {
  const known = patches.filter((value) => value === value);
  if (known.length === 0) return { top: NaN, above: 0 };
  const top = selected(known, share);
  return { top, above: known.reduce((n, value) => n + Number(value > top), 0) };
}

/** Edges of a set of patches, as an SVG path in patches: every border between a patch inside and one outside. */
export function outline(inside: ReadonlySet<number>, rows: number, cols: number): string {
  const has = (row: number, col: number): boolean =>
    col >= 0 && col < cols && row >= 0 && row < rows && inside.has(row * cols + col);
  let path = '';
  for (let row = 0; row <= rows; row++) {
    for (let col = 0; col <= cols; col++) {
      if (has(row, col) !== has(row - 1, col)) path += `M${col} ${row}h1`;
      if (has(row, col) !== has(row, col - 1)) path += `M${col} ${row}v1`;
    }
  }
  return path;
}

export type Upsampling = 'nearest' | 'bilinear' | 'bicubic';

/** A map of rows x cols patches as one of height x width points, centres aligned, edges repeated; never below 0. */
export function upsample(
  values: Float32Array,
  from: { readonly rows: number; readonly cols: number },
  to: { readonly rows: number; readonly cols: number },
  kind: Upsampling,
): Float32Array {
  const wide = new Float32Array(from.rows * to.cols);
  const across = taps(from.cols, to.cols, kind);
  for (let row = 0; row < from.rows; row++) {
    for (let col = 0; col < to.cols; col++) {
      wide[row * to.cols + col] = weighted(across, col, (at) => values[row * from.cols + at]!);
    }
  }
  const result = new Float32Array(to.rows * to.cols);
  const down = taps(from.rows, to.rows, kind);
  for (let row = 0; row < to.rows; row++) {
    for (let col = 0; col < to.cols; col++) {
      result[row * to.cols + col] = Math.max(
        0,
        weighted(down, row, (at) => wide[at * to.cols + col]!),
      );
    }
  }
  return result;
}

const TAPS = 4;

interface Taps {
  readonly places: Int32Array;
  readonly weights: Float64Array;
}

/** Which patches each point is made of, and with which weights; Catmull-Rom for bicubic (a = -1/2). */
function taps(from: number, to: number, kind: Upsampling): Taps {
  const places = new Int32Array(to * TAPS);
  const weights = new Float64Array(to * TAPS);
  for (let point = 0; point < to; point++) {
    const exact = ((point + 0.5) * from) / to - 0.5;
    const below = Math.floor(exact);
    const t = exact - below;
    const shares =
      kind === 'nearest'
        ? [0, Number(t < 0.5), Number(t >= 0.5), 0]
        : kind === 'bilinear'
          ? [0, 1 - t, t, 0]
          : [
              -0.5 * t + t * t - 0.5 * t ** 3,
              1 - 2.5 * t * t + 1.5 * t ** 3,
              0.5 * t + 2 * t * t - 1.5 * t ** 3,
              -0.5 * t * t + 0.5 * t ** 3,
            ];
    for (let tap = 0; tap < TAPS; tap++) {
      places[point * TAPS + tap] = Math.max(0, Math.min(from - 1, below - 1 + tap));
      weights[point * TAPS + tap] = shares[tap]!;
    }
  }
  return { places, weights };
}

function weighted({ places, weights }: Taps, point: number, value: (place: number) => number): number {
  let sum = 0;
  for (let tap = point * TAPS; tap < (point + 1) * TAPS; tap++) {
    const weight = weights[tap]!;
    if (weight !== 0) sum += weight * value(places[tap]!);
  }
  return sum;
}

/** Patches exactly `hop` steps (Chebyshev) around a patch, as the corners of the ring's two squares in patches. */
export function ringSquares(
  row: number,
  col: number,
  hop: number,
): { readonly at: readonly [number, number]; readonly side: number }[] {
  const square = (reach: number): { at: [number, number]; side: number } => ({
    at: [col - reach, row - reach],
    side: 2 * reach + 1,
  });
  return hop > 0 ? [square(hop), square(hop - 1)] : [square(0)];
}
