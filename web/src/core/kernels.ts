// Statistics over images, head by head. Values are rows of `width` heads, image after image; NaN = not computed.

export interface Summary {
  readonly n: Int32Array;
  readonly mean: Float64Array;
  readonly median: Float64Array;
  readonly q1: Float64Array;
  readonly q3: Float64Array;
  /** 1 - IQR / (IQR + |median|): 1 = the same for every image. NaN at 0/0. */
  readonly consistency: Float64Array;
}

/** Mean, quartiles, n and consistency of each head over the images in `rows`; heads without a value get NaN. */
export function summarise(values: Float32Array, width: number, rows: Int32Array): Summary {
  const column = (): Float64Array => new Float64Array(width).fill(NaN);
  const [mean, median, q1, q3, consistency] = [column(), column(), column(), column(), column()];
  const n = new Int32Array(width);
  const sample = new Float32Array(rows.length);
  for (let head = 0; head < width; head++) {
    let count = 0;
    let sum = 0;
    for (const row of rows) {
      const value = values[row * width + head]!;
      if (value === value) {
        sample[count++] = value;
        sum += value;
      }
    }
    n[head] = count;
    if (count === 0) continue;
    const sorted = sample.subarray(0, count).sort();
    const [low, middle, high] = [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
    mean[head] = sum / count;
    median[head] = middle;
    q1[head] = low;
    q3[head] = high;
    consistency[head] = 1 - (high - low) / (high - low + Math.abs(middle));
  }
  return { n, mean, median, q1, q3, consistency };
}

/** Quantile of sorted values with linear interpolation, as NumPy's default. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (sorted[Math.min(below + 1, sorted.length - 1)]! - low) * (place - below);
}

/** Rank of each value, 1 = largest; 0 where there is none. Ties keep their order. */
export function ranks(values: Float64Array): Int32Array {
  const result = new Int32Array(values.length);
  descending(values).forEach((index, place) => (result[index] = place + 1));
  return result;
}

/** Indices of the finite values, largest value first. */
export function descending(values: Float64Array): number[] {
  const present = Array.from(values.keys()).filter((index) => Number.isFinite(values[index]));
  return present.sort((a, b) => values[b]! - values[a]! || a - b);
}

export type Interval = readonly [low: number, high: number];

/**
 * 95 % intervals of the mean or median of some heads: percentile bootstrap over the images, seeded, the same resampled
 * images for all heads. Images without a value are left out first.
 */
export function bootstrap(
  values: Float32Array,
  width: number,
  rows: Int32Array,
  heads: readonly number[],
  statistic: 'mean' | 'median',
  resamples = 1000,
): Interval[] {
  const first = heads[0];
  if (first === undefined) return [];
  const present = rows.filter((row) => Number.isFinite(values[row * width + first]));
  const columns = heads.map((head) => Float32Array.from(present, (row) => values[row * width + head]!));
  const random = generator(20230313);
  const estimates = heads.map(() => new Float64Array(resamples));
  const counts = new Uint16Array(present.length);
  const orders = statistic === 'median' ? columns.map(order) : [];
  for (let draw = 0; draw < resamples; draw++) {
    counts.fill(0);
    for (let i = 0; i < counts.length; i++) counts[Math.floor(random() * counts.length)]!++;
    columns.forEach((column, h) => {
      estimates[h]![draw] = statistic === 'mean' ? weightedMean(column, counts) : weightedMedian(column, counts, orders[h]!);
    });
  }
  return estimates.map((found) => {
    found.sort();
    return [quantile(found, 0.025), quantile(found, 0.975)];
  });
}

function weightedMean(column: Float32Array, counts: Uint16Array): number {
  let sum = 0;
  for (let i = 0; i < column.length; i++) sum += column[i]! * counts[i]!;
  return sum / column.length;
}

function weightedMedian(column: Float32Array, counts: Uint16Array, ascending: Uint32Array): number {
  const [below, above] = [Math.floor((column.length - 1) / 2), Math.ceil((column.length - 1) / 2)];
  let seen = 0;
  let low = NaN;
  for (const index of ascending) {
    seen += counts[index]!;
    if (seen > below && low !== low) low = column[index]!;
    if (seen > above) return (low + column[index]!) / 2;
  }
  return NaN;
}

function order(column: Float32Array): Uint32Array {
  return Uint32Array.from(column.keys()).sort((a, b) => column[a]! - column[b]!);
}

/** mulberry32: small, seeded, uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
