// What the Lab asks and how it is chosen: sets of heads to begin with, orders and sizes of curves, what a kept run is of.
import type { LabEntry, RunInfo } from '../io/wire';
import { headIndex } from '../ground/run';
import type { PrunedHead } from './prune_set';
import type { HeadRef } from '../ground/head_ref';

export type LabFill = 'zero' | 'renormalise' | 'mean' | 'resample';

/** Every head of the model, layer by layer. */
export const everyHead = (nHeads: readonly number[]): HeadRef[] =>
  nHeads.flatMap((many, layer) => Array.from({ length: many }, (_, head) => ({ layer, head })));

/**
 * Heads by a metric over the images in scope, the least important first; by size where the metric is signed, so that a
 * head that works against the answer does not count as one that does nothing. Heads without a value come last.
 */
export function leastFirst(run: RunInfo, fill: ArrayLike<number>, signed: boolean): HeadRef[] {
  const size = (head: HeadRef): number => {
    const value = fill[headIndex(run, head)]!;
    return Number.isFinite(value) ? (signed ? Math.abs(value) : value) : Infinity;
  };
  return everyHead(run.model.nHeads).sort((a, b) => size(a) - size(b) || a.layer - b.layer || a.head - b.head);
}

/**
 * Of the two heads, or groups of heads, that are most alike, the less important one goes first; what stays stands for both,
 * and so on up the tree of merges. `fill` has the importance by head place; a head without a value counts as 0.
 */
export function mostRedundantFirst(
  run: RunInfo,
  merges: readonly { readonly one: number; readonly other: number }[],
  fill: ArrayLike<number>,
): HeadRef[] {
  const heads = everyHead(run.model.nHeads);
  const worth = (flat: number): number => Math.abs(fill[headIndex(run, heads[flat]!)] ?? 0) || 0;
  const stands = heads.map((_, flat) => flat);
  const order: number[] = [];
  for (const { one, other } of merges) {
    const pair = [stands[one]!, stands[other]!].sort((a, b) => worth(a) - worth(b) || b - a);
    order.push(pair[0]!);
    stands.push(pair[1]!);
  }
  const gone = new Set(order);
  return [...order.map((flat) => heads[flat]!), ...heads.filter((_, flat) => !gone.has(flat))];
}

export const asPruned = (heads: readonly HeadRef[], mode: string): PrunedHead[] =>
  heads.map(({ layer, head }) => ({ layer, head, mode }));

/** All heads that are not in the set, whole. */
export function allBut(run: RunInfo, set: readonly HeadRef[], mode: string): PrunedHead[] {
  const inSet = new Set(set.map((head) => headIndex(run, head)));
  return asPruned(
    everyHead(run.model.nHeads).filter((head) => !inSet.has(headIndex(run, head))),
    mode,
  );
}

/** The same heads by the same modes, whatever their order. */
export function sameSet(a: readonly PrunedHead[], b: readonly PrunedHead[]): boolean {
  return a.length === b.length && setKey(a) === setKey(b);
}

const setKey = (set: readonly PrunedHead[]): string =>
  set
    .map(({ layer, head, mode }) => `${layer}.${head}:${mode}`)
    .sort()
    .join(';');

/** The kept run that answers a question about a set of heads, if any: the latest of the same heads, fill and images. */
export function keptScope(
  runs: readonly LabEntry[],
  set: readonly PrunedHead[],
  fill: string,
  scope: string,
): LabEntry | null {
  return (
    runs.find((run) => run.kind === 'scope' && run.fill === fill && run.scope === scope && sameSet(run.heads, set)) ??
    null
  );
}

/** The latest curves over the same images. */
export const keptCurve = (runs: readonly LabEntry[], scope: string): LabEntry | null =>
  runs.find((run) => run.kind === 'curve' && run.scope === scope) ?? null;

const MOST_SIZES = 12;

/** How many heads a curve prunes: every number for small models, else steps that grow, up to all heads. */
export function curveSizes(heads: number): number[] {
  if (heads <= MOST_SIZES) return Array.from({ length: heads + 1 }, (_, size) => size);
  const steps = Array.from({ length: MOST_SIZES + 1 }, (_, i) => Math.round(heads * (i / MOST_SIZES) ** 1.5));
  return [...new Set([0, 1, ...steps, heads])].sort((a, b) => a - b);
}

/** Numbers of heads up to the largest a search is to find; the whole model costs too much. */
export const searchLength = (heads: number): number => Math.max(1, Math.ceil(heads / 3));

/** Seconds that a question over so many images takes: each goes through the model twice, but for layers not yet pruned. */
export function scopeSeconds(perImage: number, images: number, layers: number, set: readonly HeadRef[]): number {
  const first = Math.min(layers, ...set.map(({ layer }) => layer));
  return perImage * images * (2 - first / layers);
}

/** Seconds of curves: every set of every order, about a quarter of which is shared; and the search. */
export function curveSeconds(
  perImage: number,
  images: number,
  orders: number,
  random: number,
  sizes: number,
  search: { images: number; heads: number; length: number } | null,
): number {
  const sets = 1 + (orders + random + (search ? 1 : 0)) * Math.max(0, sizes - 1);
  let searched = 0;
  if (search) for (let done = 0; done < search.length; done++) searched += (search.heads - done) * 0.55;
  return perImage * (images * sets * 0.8 + (search ? search.images * searched : 0));
}

export interface SetDifference {
  readonly onlyA: readonly PrunedHead[];
  readonly onlyB: readonly PrunedHead[];
  readonly both: readonly PrunedHead[];
}

/** Which heads only one of two sets prunes; by another mode counts as another. */
export function setDifference(a: readonly PrunedHead[], b: readonly PrunedHead[]): SetDifference {
  const has = (set: readonly PrunedHead[], head: PrunedHead): boolean =>
    set.some((other) => setKey([other]) === setKey([head]));
  return {
    onlyA: a.filter((head) => !has(b, head)),
    onlyB: b.filter((head) => !has(a, head)),
    both: a.filter((head) => has(b, head)),
  };
}
