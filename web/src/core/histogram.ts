// How a head's values lie over images: counts in equal bins between the smallest and the largest.

export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: Int32Array;
  readonly n: number;
}

/** Of the finite values; null where there are none. A single value stands in the middle bin. */
export function histogram(values: ArrayLike<number>, bins: number): Histogram | null {
  let [low, high, n] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
    n++;
  }
  if (!n) return null;
  const counts = new Int32Array(bins);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) counts[high > low ? Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins)) : bins >> 1]!++;
  }
  return { low, high, counts, n };
}
