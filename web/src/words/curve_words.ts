// What is said of a size of a pruning curve, and of where its lines run beside the band of random orders.
import type { CurveResult } from '../io/wire';
import { pointsOf, number, percent } from '../ground/numbers';

export type CurveBy = 'accuracy' | 'moved';

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
