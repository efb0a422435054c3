// Attention strength: how much attention goes to the rings of patches k hops away. Arrays are [layer, head, hop], the
// heads of all layers side by side; NaN = no such head, or not computed.
import type { StrengthName } from '../io/quantities.gen';
import type { TokenInfo } from '../io/wire';
import { quantile } from '../stats/kernels';
import { patchCount, tokenCount } from '../ground/tokens';

/** Pairs of patches exactly k hops apart (Chebyshev), per query patch on average: the mean number of ring members. */
export function ringMembers({ rows, cols }: TokenInfo, hops: number): Float64Array {
  const members = new Float64Array(hops);
  const pairs = (size: number, step: number): number => (step === 0 ? size : 2 * Math.max(0, size - step));
  for (let down = 0; down < rows; down++) {
    for (let across = 0; across < cols; across++) {
      const hop = Math.max(down, across);
      if (hop < hops) members[hop]! += (pairs(rows, down) * pairs(cols, across)) / (rows * cols);
    }
  }
  return members;
}

/** What attention uniform over all tokens gives to each ring: its mass, or its density. */
export function uniformStrength(tokens: TokenInfo, hops: number, kind: StrengthName): Float64Array {
  const share = 1 / tokenCount(tokens);
  return kind === 'density'
    ? new Float64Array(hops).fill(share)
    : ringMembers(tokens, hops).map((members) => members * share);
}

/** What attention uniform over all tokens gives: share within one hop (the patch itself included), mean distance in pixels. */
export function uniformReach(tokens: TokenInfo): { readonly near: number; readonly distance: number } {
  const { rows, cols, patch } = tokens;
  const members = ringMembers(tokens, 2);
  const pairs = (size: number, step: number): number => (step === 0 ? size : 2 * (size - step));
  let sum = 0;
  for (let down = 0; down < rows; down++) {
    for (let across = 0; across < cols; across++) {
      sum += pairs(rows, down) * pairs(cols, across) * Math.hypot(down * patch.height, across * patch.width);
    }
  }
  const all = tokenCount(tokens);
  return { near: (members[0]! + members[1]!) / all, distance: sum / patchCount(tokens) / all };
}

/** The places of the heads that exist: layers may differ in their number of heads. */
export function realHeads(nHeads: readonly number[], width: number): number[] {
  return nHeads.flatMap((count, layer) => Array.from({ length: count }, (_, head) => layer * width + head));
}

export interface Band {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly mean: number;
}

/** Quartiles and mean of the finite values; NaN throughout where there are none. */
export function bandOf(values: Iterable<number>): Band {
  const known = Float64Array.from([...values].filter(Number.isFinite)).sort();
  if (!known.length) return { q1: NaN, median: NaN, q3: NaN, mean: NaN };
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((share) => quantile(known, share)) as [number, number, number];
  return { q1, median, q3, mean: known.reduce((sum, value) => sum + value, 0) / known.length };
}

/** The band over heads at each hop. */
export function hopBands(means: Float64Array, hops: number, heads: readonly number[]): Band[] {
  return Array.from({ length: hops }, (_, hop) => bandOf(heads.map((index) => means[index * hops + hop]!)));
}

/** The band over the heads of each layer, of one value a head. */
export function layerBands(values: ArrayLike<number>, nHeads: readonly number[], width: number): Band[] {
  return nHeads.map((count, layer) =>
    bandOf(Array.from({ length: count }, (_, head) => values[layer * width + head]!)),
  );
}

/** One hop of every head, by head place. */
export function atHop(means: Float64Array, hops: number, hop: number): Float64Array {
  return Float64Array.from({ length: means.length / hops }, (_, index) => means[index * hops + hop]!);
}

/** Heads that give at least a share of their patches' attention to a range of hops. */
export interface Profile {
  readonly from: number;
  readonly to: number;
  /** Of all attention of a patch, CLS and itself included. */
  readonly least: number;
}

/** Summed mass of a head over a range of hops, both ends included. */
function massWithin(mass: Float64Array, hops: number, index: number, from: number, to: number): number {
  let sum = 0;
  for (let hop = from; hop <= Math.min(to, hops - 1); hop++) sum += mass[index * hops + hop]!;
  return sum;
}

/** The heads that fit a profile, those with most first. */
export function fitting(
  mass: Float64Array,
  hops: number,
  heads: readonly number[],
  { from, to, least }: Profile,
): number[] {
  const sum = (index: number): number => massWithin(mass, hops, index, from, to);
  return heads.filter((index) => sum(index) >= least - 1e-12).sort((a, b) => sum(b) - sum(a) || a - b);
}

/**
 * The profile of a rectangle drawn on the curves. Its lower edge stands for the summed mass of a line that runs along
 * it: every head whose line lies above that edge over the whole range fits. Rounded to whole percent from 2 % up, so
 * that the words say exactly what was chosen.
 */
export function brushed(tokens: TokenInfo, kind: StrengthName, from: number, to: number, edge: number): Profile {
  const members = ringMembers(tokens, to + 1);
  let sum = 0;
  for (let hop = from; hop <= to; hop++) sum += kind === 'mass' ? edge : edge * members[hop]!;
  const steps = sum >= 0.02 ? 100 : 1000;
  return { from, to, least: Math.max(0, Math.min(1, Math.round(sum * steps) / steps)) };
}
