// How a head's values lie over images: counts in equal bins between the smallest and the largest.

export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: Int32Array;
  readonly n: number;
}

/** Of the finite values; null where there are none. A single value stands in the middle bin. */
export function histogram(values: Iterable<number>, bins: number): Histogram | null {
  const known = [...values].filter(Number.isFinite);
  if (!known.length) return null;
  let [low, high] = [Infinity, -Infinity];
  for (const value of known) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const counts = new Int32Array(bins);
  for (const value of known)
    counts[high > low ? Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins)) : bins >> 1]!++;
  return { low, high, counts, n: known.length };
}
