// The numbers behind the sentence why a head matters (words/why.ts), over the images in scope. Values are [image, layer, head],
// `cells` heads an image; NaN = not computed.
import type { HeadStanding, ImageTable } from '../io/wire';
import { clearlyFirst } from './intervals';
import { means, summarise } from './kernels';

/** What pruning the head does to the answers; NaN without a classifier, accuracies NaN without labels. */
export interface Loss {
  readonly n: number;
  readonly probDrop: number;
  readonly flip: number;
  readonly labelled: number;
  readonly accuracy: number;
  /** Bounds after pruning: a run stores that an answer changed, not what to. */
  readonly accuracyLow: number;
  readonly accuracyHigh: number;
}

/** What pruning one region does, beside pruning the whole head on the same images. */
export interface RegionEffect {
  readonly mode: string;
  readonly mean: number;
  readonly whole: number;
  readonly n: number;
}

/** The heads' means, and the first of them. */
export interface Leader {
  readonly means: Float64Array;
  /** The first by index among those with the largest mean; -1 where nothing is measured. */
  readonly index: number;
  /** Whether the images leave no doubt that it is the first. */
  readonly clear: boolean;
  /** All heads have the same mean, e.g. 0: then none comes first. */
  readonly flat: boolean;
}

export function leader(values: Float32Array, cells: number, rows: Int32Array): Leader {
  const found = means(values, cells, rows);
  const index = found.reduce((best, mean, at) => (mean === mean && !(mean <= (found[best] ?? NaN)) ? at : best), -1);
  const known = found.filter((mean) => mean === mean);
  const flat = known.length > 1 && known.every((mean) => mean === known[0]);
  return { means: found, index, clear: index >= 0 && !flat && clearlyFirst(values, cells, rows, index), flat };
}

/** How a head stands by a metric whose leader over the same images is known; null where it has no value in scope. */
export function standing(
  values: Float32Array,
  cells: number,
  rows: Int32Array,
  index: number,
  metric: string,
  first: Leader,
): HeadStanding | null {
  const own = summarise(
    Float32Array.from(rows, (row) => values[row * cells + index]!),
    1,
    Int32Array.from(rows.keys()),
  );
  const mean = first.means[index]!;
  if (!own.n[0]) return null;
  const top = index === first.index;
  return {
    metric,
    rank: first.means.reduce((count, other) => count + (other > mean ? 1 : 0), 1),
    top,
    clear: top && first.clear,
    flat: first.flat,
    mean,
    n: own.n[0]!,
    leads: topShare(values, cells, rows, index),
    consistency: own.consistency[0]!,
  };
}

/** Mean of one column over images, NaN where there is none: one head of many is cheap, whatever is in scope. */
export function meanOf(values: Float32Array, width: number, rows: Int32Array, column: number): number {
  let [n, sum] = [0, 0];
  for (const row of rows) {
    const value = values[row * width + column]!;
    if (value !== value) continue;
    n++;
    sum += value;
  }
  return n ? sum / n : NaN;
}

/** Share of the images in which no other head has a larger value; ties count, images all 0 for none. */
export function topShare(values: Float32Array, cells: number, rows: Int32Array, index: number): number {
  const largest = largestOf(values, cells);
  let [measured, first] = [0, 0];
  for (const row of rows) {
    if (largest[row] !== largest[row]) continue;
    measured++;
    if (values[row * cells + index] === largest[row]) first++;
  }
  return measured ? first / measured : NaN;
}

const largestHeld = new WeakMap<Float32Array, Float32Array>();

/** The largest value of each image, the same whatever is in scope; NaN = none, infinite where all are 0: none leads. */
function largestOf(values: Float32Array, cells: number): Float32Array {
  const held = largestHeld.get(values);
  if (held) return held;
  const largest = new Float32Array(values.length / cells).fill(NaN);
  for (let row = 0; row < largest.length; row++) {
    let most = NaN;
    let something = false;
    for (let i = row * cells; i < (row + 1) * cells; i++) {
      const value = values[i]!;
      if (value !== value) continue;
      if (!(value <= most)) most = value;
      if (value !== 0) something = true;
    }
    largest[row] = most === most && !something ? Infinity : most;
  }
  largestHeld.set(values, largest);
  return largest;
}

/** Effects [image, layer, head] of the whole head and of a part, compared on the images that have both. */
export function regionEffect(
  mode: string,
  part: Float32Array,
  whole: Float32Array,
  cells: number,
  rows: Int32Array,
  index: number,
): RegionEffect | null {
  let [n, sum, all] = [0, 0, 0];
  for (const row of rows) {
    const value = part[row * cells + index]!;
    if (!Number.isFinite(value)) continue;
    n++;
    sum += value;
    all += whole[row * cells + index]!;
  }
  return n ? { mode, mean: sum / n, whole: all / n, n } : null;
}

export function lossOf(
  drop: Float32Array | null,
  flip: Float32Array | null,
  images: ImageTable,
  cells: number,
  rows: Int32Array,
  index: number,
): Loss {
  let [n, flips, drops, known] = [0, 0, 0, 0];
  let [labelled, right, kept, perhaps] = [0, 0, 0, 0];
  for (const row of rows) {
    const fall = drop?.[row * cells + index] ?? NaN;
    if (Number.isFinite(fall)) [drops, known] = [drops + fall, known + 1];
    const flipped = flip?.[row * cells + index] ?? NaN;
    if (!Number.isFinite(flipped)) continue;
    n++;
    flips += flipped;
    if (!(images.label[row]! >= 0)) continue;
    labelled++;
    const correct = images.prediction[row] === images.label[row];
    if (correct) right++;
    if (correct && flipped === 0) kept++;
    if (!correct && flipped > 0) perhaps++;
  }
  const share = (part: number): number => (labelled ? part / labelled : NaN);
  return {
    n,
    probDrop: known ? drops / known : NaN,
    flip: n ? flips / n : NaN,
    labelled,
    accuracy: share(right),
    accuracyLow: share(kept),
    accuracyHigh: share(kept) + share(perhaps),
  };
}

/** Median of one head's values over images, infinite ones included. */
export function medianOver(values: Float32Array, cells: number, rows: Int32Array, index: number): number {
  const known = Float64Array.from(
    [...rows].map((row) => values[row * cells + index]!).filter((value) => value === value),
  ).sort();
  if (!known.length) return NaN;
  const [low, high] = [known[(known.length - 1) >> 1]!, known[known.length >> 1]!];
  return low === high ? low : (low + high) / 2; // not inf - inf
}
