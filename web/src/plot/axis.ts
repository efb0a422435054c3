// A value axis of a plot: linear from 0, or logarithmic, with ticks that fit.
import { ticks } from 'd3-array';

export interface Axis {
  readonly kind: 'linear' | 'log';
  readonly low: number;
  readonly high: number;
}

/** An axis over the finite values: from 0 (linear), or over at most four powers of ten (log). */
export function axisFor(values: Iterable<number>, kind: Axis['kind']): Axis {
  let [low, high] = [Infinity, 0];
  for (const value of values) {
    if (!(value > 0) || value === Infinity) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high === 0) return { kind: 'linear', low: 0, high: 1 };
  return kind === 'linear'
    ? { kind, low: 0, high: high * 1.04 }
    : { kind, low: Math.max(low, high / 1e4) * 0.9, high: high * 1.15 };
}

/** Place in [0, 1] on the axis; what lies beyond its ends is put at them. */
export function placeOn({ kind, low, high }: Axis, value: number): number {
  const share =
    kind === 'linear' ? (value - low) / (high - low) : Math.log(Math.max(value, low) / low) / Math.log(high / low);
  return Math.max(0, Math.min(1, share));
}

/** The value at a place in [0, 1]. */
export const valueAt = ({ kind, low, high }: Axis, place: number): number =>
  kind === 'linear' ? low + place * (high - low) : low * (high / low) ** place;

export function axisTicks({ kind, low, high }: Axis, most: number): number[] {
  if (kind === 'linear') return ticks(low, high, most);
  const powers: number[] = [];
  for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high; power++) powers.push(10 ** power);
  if (powers.length > 1) return powers;
  return [1, 2, 5]
    .flatMap((digit) => [-1, 0].map((step) => digit * 10 ** (Math.floor(Math.log10(high)) + step)))
    .filter((v) => v >= low && v <= high);
}

/** A tick of shares as percent, without idle digits: `0.1 %`, `20 %`. */
export const shareTick = (share: number): string => `${+(100 * share).toPrecision(3)} %`;
