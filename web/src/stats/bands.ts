// How a head's values are spread over images: the ends of its strip, and images inside a range of values.
import { selected, summarise, type Summary } from './kernels';

export interface Bands {
  readonly n: Int32Array;
  readonly low: Float64Array;
  readonly q1: Float64Array;
  readonly median: Float64Array;
  readonly q3: Float64Array;
  readonly high: Float64Array;
  readonly least: Float64Array;
  readonly most: Float64Array;
}

/** 5, 25, 50, 75 and 95 % quantiles (`low` .. `high`), least and most of each column over the images in `rows`. */
export function bands(values: Float32Array, width: number, rows: Int32Array): Bands {
  const column = (): Float64Array => new Float64Array(width).fill(NaN);
  const found = {
    low: column(),
    q1: column(),
    median: column(),
    q3: column(),
    high: column(),
    least: column(),
    most: column(),
  };
  const n = new Int32Array(width);
  const sample = new Float32Array(rows.length);
  for (let head = 0; head < width; head++) {
    let count = 0;
    for (const row of rows) {
      const value = values[row * width + head]!;
      if (value === value) sample[count++] = value;
    }
    n[head] = count;
    if (count === 0) continue;
    const present = sample.subarray(0, count);
    found.median[head] = selected(present, 0.5); // first: it halves the work of the others
    found.q1[head] = selected(present, 0.25);
    found.q3[head] = selected(present, 0.75);
    found.low[head] = selected(present, 0.05);
    found.high[head] = selected(present, 0.95);
    found.least[head] = selected(present, 0);
    found.most[head] = selected(present, 1);
  }
  return { n, ...found };
}

/** Sum over the heads of each layer, image by image: [image, layer]; NaN where a head of the layer has no value. */
export function layerTotals(values: Float32Array, heads: readonly number[], width: number): Float32Array {
  const layers = heads.length;
  const totals = new Float32Array(values.length / width);
  for (let at = 0; at < totals.length; at++) {
    let sum = 0;
    for (let head = 0; head < heads[at % layers]!; head++) sum += values[at * width + head]!;
    totals[at] = sum;
  }
  return totals;
}

const totalsOf = new WeakMap<Float32Array, Float32Array>();

/** How the layers' totals of some images are spread; the totals of all of them are made once. */
export function layerSummary(values: Float32Array, width: number, rows: Int32Array, heads: readonly number[]): Summary {
  let totals = totalsOf.get(values);
  if (!totals) totalsOf.set(values, (totals = layerTotals(values, heads, width / heads.length)));
  return summarise(totals, heads.length, rows);
}

/** Of these images, how many have a value between two ends (both included). */
export function countBetween(
  values: Float32Array,
  width: number,
  column: number,
  rows: Int32Array,
  low: number,
  high: number,
): number {
  let count = 0;
  for (const row of rows) {
    const value = values[row * width + column]!;
    if (value >= low && value <= high) count++;
  }
  return count;
}

/** Head places where a value lies outside the interquartile range of the images. */
export function outsideMiddle(value: (head: number) => number, q1: Float64Array, q3: Float64Array): Set<number> {
  const outside = new Set<number>();
  for (let head = 0; head < q1.length; head++) {
    const own = value(head);
    if (own < q1[head]! || own > q3[head]!) outside.add(head);
  }
  return outside;
}

/** Places beside the middle line for one dot each, in [-1, 1]: wide where values are dense, the same at every drawing. */
export function swarm(positions: Float64Array, bins = 48): Float64Array {
  const counts = new Int32Array(bins);
  const bin = (position: number): number => Math.max(0, Math.min(bins - 1, Math.floor(position * bins)));
  for (const position of positions) if (position === position) counts[bin(position)]!++;
  const most = Math.max(1, ...counts);
  const taken = new Int32Array(bins);
  return positions.map((position) => {
    if (position !== position) return NaN;
    const own = bin(position);
    // The golden ratio spreads any number of dots evenly over the width, without a random number.
    const spread = ((taken[own]!++ + 0.5) * 0.6180339887) % 1;
    return (2 * spread - 1) * Math.sqrt(counts[own]! / most) * (counts[own]! > 1 ? 1 : 0);
  });
}
