// 95 % intervals of means and medians over images. Those of means are src/vitscope/analysis/statistics/intervals.py's, from the same
// draws; tests/shared/statistics.json holds both to it.
import type { MetricInfo } from '../io/wire';
import { wilson } from './proportion';
import { BEYOND, DRAWS, measured, Sampler } from './resampling';

/** NaN at both ends: there is none. */
export type Interval = readonly [low: number, high: number];

/** What a quantity can be, where its intervals end; `share`: each image counts 0 or 1. */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly share: boolean;
}
export const rangeOf = ({ least, most, unit }: MetricInfo): Range => ({
  low: least ?? -Infinity,
  high: most ?? Infinity,
  share: unit === 'share of images',
});
export const UNIT: Range = { low: 0, high: 1, share: false };

/** Below so many images intervals of skewed effects miss more often than they say. */
export const FEW = 100;
const NO_SPREAD = 1e-4;
const DRAWS_AT_ONCE = 50;
const NONE: Interval = [NaN, NaN];

export function meanIntervals(...asked: Parameters<typeof meanIntervalsInParts>): Interval[] {
  const parts = meanIntervalsInParts(...asked);
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}

/**
 * Intervals of the means of some heads: at each end the wider of bootstrap-t and Student's t. It stops between its
 * draws: who drives it may give it up.
 */
export function* meanIntervalsInParts(
  values: Float32Array,
  width: number,
  rows: Int32Array,
  heads: readonly number[],
  range: Range,
): Generator<void, Interval[]> {
  const present = measured(values, width, rows);
  const columns = heads.map((head) => columnOf(values, width, present, head));
  if (range.share) return columns.map(({ n, mean }) => (n > 1 ? ends(wilson(Math.round(n * mean), n)) : NONE));
  const times = columns.map(() => new Float64Array(DRAWS));
  const sampler = new Sampler(present.length);
  for (let draw = 0; draw < DRAWS; draw++) {
    if (draw % DRAWS_AT_ONCE === DRAWS_AT_ONCE - 1) yield;
    const drawn = sampler.draw(draw);
    columns.forEach((column, h) => (times[h]![draw] = studentised(column, drawn)));
  }
  return columns.map((column, h) => intervalOf(column, times[h]!.sort(), range));
}

interface Column {
  readonly n: number;
  readonly mean: number;
  /** Standard error; 0 where all values are equal. */
  readonly error: number;
  readonly values: Float64Array;
  /** Squared deviations from the mean. */
  readonly squares: Float64Array;
  /** 1 where there is a value; null where there are all. */
  readonly present: Uint8Array | null;
}

function columnOf(values: Float32Array, width: number, rows: Int32Array, head: number): Column {
  const own = Float64Array.from(rows, (row) => values[row * width + head]!);
  const present = Uint8Array.from(own, (value) => Number(value === value));
  const [n, sum] = own.reduce(
    ([count, total], value) => (value === value ? [count + 1, total + value] : [count, total]),
    [0, 0],
  );
  const mean = n ? sum / n : NaN;
  const squares = own.map((value) => (value === value ? (value - mean) ** 2 : 0));
  const first = own.find((value) => value === value);
  const alike = own.every((value) => value !== value || value === first);
  const variance = squares.reduce((a, b) => a + b, 0) / Math.max(n - 1, 1);
  return {
    n,
    mean,
    squares,
    error: n < 2 ? NaN : alike ? 0 : Math.sqrt(variance / n),
    values: own.map((value) => (value === value ? value : 0)),
    present: n === rows.length ? null : present,
  };
}

/** How many of its own standard errors the mean of a draw is off; infinite where the draw has no spread of its own. */
function studentised({ n, mean, error, values, squares, present }: Column, { length, images, times }: Sampler): number {
  let sum = 0;
  let square = 0;
  for (let i = 0; i < length; i++) {
    const image = images[i]!;
    const many = times[i]!;
    sum += many * values[image]!;
    square += many * squares[image]!;
  }
  let weight = present ? 0 : values.length;
  if (present) for (let i = 0; i < length; i++) weight += times[i]! * present[images[i]!]!;
  if (weight === 0) return 0;
  const shift = sum / weight - mean;
  const variance = (square - weight * shift * shift) / Math.max(weight - 1, 1);
  if (weight > 1 && variance > NO_SPREAD * error * error * n) return shift / Math.sqrt(variance / weight);
  return Math.abs(shift) > 1e-9 * error * Math.sqrt(n) ? Math.sign(shift) * Infinity : 0;
}

function intervalOf({ n, mean, error }: Column, times: Float64Array, range: Range): Interval {
  if (n < 2) return NONE;
  if (error === 0) return [mean, mean];
  const farthest = studentTimes(n) * error;
  const reach = (times: number): number => Math.max(farthest, Number.isFinite(times) ? times * error : 0);
  const [low, high] = [mean - reach(times[DRAWS - BEYOND]!), mean + reach(-times[BEYOND - 1]!)];
  return [Math.max(low, range.low), Math.min(high, range.high)];
}

const ends = ({ low, high }: { readonly low: number; readonly high: number }): Interval => [low, high];

/** The 97.5 % quantile of Student's t for n values: how many standard errors it reaches. */
export function studentTimes(n: number): number {
  let t = 2;
  for (let turn = 0; turn < 60; turn++) {
    const { inside, density } = student(t, n - 1);
    const step = (inside - 0.95) / (2 * density);
    t = Math.max(t / 2, Math.min(2 * t + 1, t - step));
    if (Math.abs(step) < 1e-13 * t) break;
  }
  return t;
}

/** Student's t with whole degrees of freedom: the share between -t and t (a finite sum), and the density at t. */
function student(t: number, freedom: number): { readonly inside: number; readonly density: number } {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < freedom; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const inside = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  // The density by its constant, gathered in steps of two: Gamma((v + 1) / 2) / (Gamma(v / 2) sqrt(v pi)).
  let constant = odd ? 1 / Math.PI : 0.5;
  for (let k = odd ? 3 : 4; k <= freedom; k += 2) constant *= (k - 1) / (k - 2);
  return { inside, density: (constant / Math.sqrt(freedom)) * (1 + (t * t) / freedom) ** (-(freedom + 1) / 2) };
}

/** Intervals of medians: order statistics by the binomial distribution; none below six images. Nothing is drawn. */
export function medianIntervals(
  values: Float32Array,
  width: number,
  rows: Int32Array,
  heads: readonly number[],
): Interval[] {
  return heads.map((head) => {
    const sorted = Float32Array.from(rows, (row) => values[row * width + head]!)
      .filter((value) => value === value)
      .sort();
    const k = placesBeyondMedian(sorted.length);
    return k ? [sorted[k - 1]!, sorted[sorted.length - k]!] : NONE;
  });
}

/** The largest k for which the median lies outside the k-th smallest to the k-th largest of n values at most 5 %. */
function placesBeyondMedian(n: number): number {
  let [k, logWays, outside] = [0, 0, 0];
  while (k < n / 2) {
    outside += 2 * Math.exp(logWays - n * Math.LN2);
    if (outside > 0.05) break;
    k++;
    logWays += Math.log((n - k + 1) / k);
  }
  return k;
}

/**
 * Whether a head's mean is larger than every other's in at least 97.5 % of the draws of the images, as
 * `clearly_first` in src/vitscope/analysis/statistics/intervals.py. Only heads whose paired difference is within six standard errors
 * can be larger in so many draws, and only they are drawn.
 */
export function clearlyFirst(values: Float32Array, width: number, rows: Int32Array, index: number): boolean {
  if (rows.reduce((n, row) => n + Number(values[row * width + index] === values[row * width + index]), 0) < 2)
    return false;
  const rivals = rivalsOf(values, width, rows, index);
  if (!rivals.length) return true;
  const present = measured(values, width, rows);
  const sampler = new Sampler(present.length);
  const columns = [index, ...rivals].map((head) => Float64Array.from(present, (row) => values[row * width + head]!));
  let lost = 0;
  for (let draw = 0; draw < DRAWS && lost < BEYOND; draw++) {
    const drawn = sampler.draw(draw);
    const own = drawnMean(columns[0]!, drawn);
    let beaten = own === own;
    for (let at = 1; at < columns.length && beaten; at++) beaten = !(drawnMean(columns[at]!, drawn) >= own);
    if (!beaten) lost++;
  }
  return lost < BEYOND;
}

function rivalsOf(values: Float32Array, width: number, rows: Int32Array, index: number): number[] {
  const [n, sums, squares, has] = [
    new Int32Array(width),
    new Float64Array(width),
    new Float64Array(width),
    new Int32Array(width),
  ];
  for (const row of rows) {
    const first = values[row * width + index]!;
    for (let other = 0; other < width; other++) {
      const value = values[row * width + other]!;
      if (value === value) has[other]!++;
      const difference = first - value;
      if (difference !== difference) continue;
      n[other]!++;
      sums[other]! += difference;
      squares[other]! += difference * difference;
    }
  }
  return Array.from(n.keys()).filter((other) => {
    if (other === index || has[other] === 0) return false;
    const mean = sums[other]! / n[other]!;
    const error = Math.sqrt(Math.max(0, squares[other]! / n[other]! - mean * mean) / n[other]!);
    return !(n[other] === has[index] && n[other] === has[other] && mean > 6 * error);
  });
}

function drawnMean(column: Float64Array, { length, images, times }: Sampler): number {
  let weight = 0;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const many = times[i]!;
    const value = column[images[i]!]!;
    if (value !== value) continue;
    weight += many;
    sum += many * value;
  }
  return weight ? sum / weight : NaN;
}
