// Tables of patterns: the order of heads that puts like beside like, and heads that repeat each other's pattern.
import { countsOf, leading, shares, type Mixes } from './pattern_sample';

/** A name for each cluster that no other has: names that repeat get the cluster's number. */
export const labelled = (names: readonly string[]): string[] =>
  names.map((name, cluster) => (names.filter((other) => other === name).length > 1 ? `${name} #${cluster}` : name));

/** A head holds a pattern from this share of its images. */
export const HOLDS = 0.8;

/** Flat heads by their most frequent pattern, the purest first; heads without any last. */
export function seriated(mixes: Mixes): number[] {
  const heads = Array.from({ length: mixes.counts.length / mixes.columns }, (_, flat) => {
    const counts = countsOf(mixes, flat);
    const main = leading(counts);
    return { flat, main: main ?? Infinity, share: main === null ? 0 : shares(counts)[main]! };
  });
  return heads.sort((a, b) => a.main - b.main || b.share - a.share || a.flat - b.flat).map(({ flat }) => flat);
}

/** By cluster, the flat heads that hold it, where at least two do: candidates for redundancy. */
export function repeated(mixes: Mixes): ReadonlyMap<number, readonly number[]> {
  const holders = new Map<number, number[]>();
  for (let flat = 0; flat < mixes.counts.length / mixes.columns; flat++) {
    const counts = countsOf(mixes, flat);
    const main = leading(counts);
    if (main !== null && shares(counts)[main]! >= HOLDS) holders.set(main, [...(holders.get(main) ?? []), flat]);
  }
  return new Map([...holders].filter(([, heads]) => heads.length > 1).sort(([a], [b]) => a - b));
}
