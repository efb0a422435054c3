// The drawing of pruning curves: scales, the band, where lines end and their labels stand, and what is said of a size.
import { ticks } from 'd3-array';
import type { CurveResult } from '../io/wire';
import { pointsOf, number, percent } from '../ground/numbers';

export type CurveBy = 'accuracy' | 'moved';

export interface CurveScales {
  readonly x: (size: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

/** Values of the lines, then the band's two edges and its median; null where nothing is known. */
export function curveValues(
  curve: CurveResult,
  by: CurveBy,
): {
  lines: readonly (readonly (number | null)[])[];
  low: readonly (number | null)[];
  high: readonly (number | null)[];
  median: readonly (number | null)[];
} {
  return { lines: curve.lines.map((line) => line[by]), ...curve.band[by] };
}

/** Scales in a box; accuracy from 0 or a little below the smallest value, to a little above the largest. */
export function curveScales(
  curve: CurveResult,
  by: CurveBy,
  box: { left: number; top: number; width: number; height: number },
  also: readonly number[] = [],
): CurveScales {
  const { lines, low, high, median } = curveValues(curve, by);
  const known = [...lines.flat(), ...low, ...high, ...median, ...also].filter(
    (value): value is number => value !== null,
  );
  let [least, most] = [Math.min(...known), Math.max(...known)];
  if (!known.length) [least, most] = [0, 1];
  if (by === 'moved') least = 0;
  const room = Math.max((most - least) * 0.06, by === 'accuracy' ? 0.01 : 1e-6);
  const bottom = by === 'moved' ? 0 : Math.max(0, least - room);
  const top = by === 'accuracy' ? Math.min(1, most + room) : most + room;
  const last = Math.max(1, ...curve.sizes);
  return {
    x: (size) => box.left + (size / last) * box.width,
    y: (value) => box.top + (1 - (value - bottom) / (top - bottom)) * box.height,
    xTicks: ticks(0, last, 6).filter(Number.isInteger),
    yTicks: ticks(bottom, top, 4),
  };
}

/** The points of a line, in pieces where values are missing. */
export function linePath(sizes: readonly number[], values: readonly (number | null)[], { x, y }: CurveScales): string {
  let path = '';
  let drawing = false;
  sizes.forEach((size, i) => {
    const value = values[i] ?? null;
    if (value !== null) path += `${drawing ? 'L' : 'M'}${x(size).toFixed(1)},${y(value).toFixed(1)}`;
    drawing = value !== null;
  });
  return path;
}

/** The band between two edges. */
export function bandPath(
  sizes: readonly number[],
  low: readonly (number | null)[],
  high: readonly (number | null)[],
  scales: CurveScales,
): string {
  const there = sizes.map((_, i) => i).filter((i) => low[i] != null && high[i] != null);
  if (!there.length) return '';
  const corner = (i: number, value: number): string =>
    `${scales.x(sizes[i]!).toFixed(1)},${scales.y(value).toFixed(1)}`;
  return `M${[...there.map((i) => corner(i, high[i]!)), ...there.toReversed().map((i) => corner(i, low[i]!))].join('L')}Z`;
}

/** The last place of a line that has a value; -1 for none. */
export const lastKnown = (values: readonly (number | null)[]): number =>
  values.findLastIndex((value) => value !== null);

/** Heights of labels that would overlap, moved apart; in the order given. */
export function apart(heights: readonly number[], gap: number, bottom: number): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a]! - heights[b]!);
  const placed = [...heights];
  order.forEach((i, at) => {
    if (at > 0) placed[i] = Math.max(placed[i]!, placed[order[at - 1]!]! + gap);
  });
  for (let at = order.length - 1; at >= 0; at--) {
    const limit = at === order.length - 1 ? bottom : placed[order[at + 1]!]! - gap;
    placed[order[at]!] = Math.min(placed[order[at]!]!, limit);
  }
  return placed;
}

/** `above`, `within` or `below` the band of random orders; null where one of the two is not known. */
export function besideBand(
  value: number | null | undefined,
  low: number | null | undefined,
  high: number | null | undefined,
): 'above' | 'within' | 'below' | null {
  if (value == null || low == null || high == null) return null;
  return value > high ? 'above' : value < low ? 'below' : 'within';
}

/** What each line and the band are at a size, one sentence each. */
export function sizeWords(curve: CurveResult, at: number, by: CurveBy): string[] {
  const size = curve.sizes[at];
  if (size === undefined) return [];
  const unit = by === 'accuracy' ? '' : curve.movedBy === 'jsd' ? ' bits' : '';
  const said = (value: number | null | undefined): string =>
    by === 'accuracy' ? percent(value) : `${number(value)}${unit}`;
  const { low, high, median } = curve.band[by];
  const lines = curve.lines
    .filter((line) => line[by][at] !== null)
    .map((line) => {
      const place = besideBand(line[by][at], low[at], high[at]);
      const interval =
        by === 'accuracy' && size > 0
          ? `, change ${pointsOf(line.low[at]).replace(' pp', '')} to ${pointsOf(line.high[at])} (95 %)`
          : '';
      return `${line.name}: ${said(line[by][at])}${interval}${place && size > 0 ? ` · ${place} the random band` : ''}`;
    });
  const band =
    low[at] == null
      ? []
      : [
          `random × ${curve.band.draws}: ${said(low[at])} to ${said(high[at])}, median ${said(median[at])} (5th to 95th percentile)`,
        ];
  return [`${size} ${size === 1 ? 'head' : 'heads'} pruned · n = ${curve.n}`, ...lines, ...band];
}

/** Where the lines are at the size of a set, in one sentence: `4 heads: this set 80.0 % (within the random 34.0 to 80.0 %); …`. */
export function besideWords(curve: CurveResult, size: number, by: CurveBy): string {
  const at = size > 0 ? curve.sizes.indexOf(size) : -1;
  if (at < 0) return '';
  const said = (value: number | null | undefined): string => (by === 'accuracy' ? percent(value) : number(value));
  const { low, high } = curve.band[by];
  const known = curve.lines.filter((line) => line[by][at] != null);
  const parts = known.map((line) => {
    const place = besideBand(line[by][at], low[at], high[at]);
    return `${line.name} ${said(line[by][at])}${place ? ` (${place})` : ''}`;
  });
  const band = low[at] == null ? '' : `random band ${said(low[at])} to ${said(high[at])}`;
  return `${size} ${size === 1 ? 'head' : 'heads'}: ${[...parts, band].filter(Boolean).join('; ')}.`;
}
