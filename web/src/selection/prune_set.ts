// The prune set of the Lab: which heads are pruned together, each whole or by region.
import type { HeadRef } from '../ground/head_ref';

export interface PrunedHead extends HeadRef {
  /** `head`, or regions such as `cp+pc`. */
  readonly mode: string;
}

const same = (a: HeadRef, b: HeadRef): boolean => a.layer === b.layer && a.head === b.head;

export const samePruned = (a: readonly PrunedHead[], b: readonly PrunedHead[]): boolean =>
  a.length === b.length && a.every((head, i) => same(head, b[i]!) && head.mode === b[i]!.mode);

export const isPruned = (set: readonly PrunedHead[], head: HeadRef): boolean => set.some((other) => same(other, head));

/** The set with a head put in, or taken out where it is in by the same mode; another mode replaces the one it has. */
export function toggledPruned(set: readonly PrunedHead[], head: PrunedHead): readonly PrunedHead[] {
  const before = set.find((other) => same(other, head));
  if (!before) return [...set, head];
  if (before.mode === head.mode) return set.filter((other) => other !== before);
  return set.map((other) => (other === before ? head : other));
}

/** Heads as they stand in the address: `9.3;11.0:cp+pc`. */
export const encodePruned = (set: readonly PrunedHead[]): string =>
  set.map(({ layer, head, mode }) => `${layer}.${head}${mode === 'head' ? '' : `:${mode}`}`).join(';');
