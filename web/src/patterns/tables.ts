// Tables of patterns: the order of heads that puts like beside like.
import { countsOf, leading, shares, type Mixes } from './sample';

/** A name for each cluster that no other has: names that repeat get the cluster's number. */
export const labelled = (names: readonly string[]): string[] =>
  names.map((name, cluster) => (names.filter((other) => other === name).length > 1 ? `${name} #${cluster}` : name));

/** Flat heads by their most frequent pattern, the purest first; heads without any last. */
export function seriated(mixes: Mixes): number[] {
  const heads = Array.from({ length: mixes.counts.length / mixes.columns }, (_, flat) => {
    const counts = countsOf(mixes, flat);
    const main = leading(counts);
    return { flat, main: main ?? Infinity, share: main === null ? 0 : shares(counts)[main]! };
  });
  return heads.sort((a, b) => a.main - b.main || b.share - a.share || a.flat - b.flat).map(({ flat }) => flat);
}
