// A share of images with its interval.

/** One value with its 95 % interval; NaN = unknown. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}
export const UNKNOWN: Estimate = { value: NaN, low: NaN, high: NaN };

const Z = 1.959963984540054;

/** 95 % interval of a share of n (Wilson). As src/vitscope/analysis/statistics/proportion.py. */
export function wilson(hits: number, n: number): Estimate {
  if (n === 0) return UNKNOWN;
  const share = hits / n;
  const middle = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n))) / (1 + (Z * Z) / n);
  return {
    value: share,
    low: hits > 0 ? Math.max(0, middle - half) : 0,
    high: hits < n ? Math.min(1, middle + half) : 1,
  };
}
