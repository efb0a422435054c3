// Which head is meant.

/** A head by its place; both count from 0. */
export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}

export const sameHead = (a: HeadRef, b: HeadRef): boolean => a.layer === b.layer && a.head === b.head;

export function sameHeads(a: readonly HeadRef[] | null, b: readonly HeadRef[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((head, i) => sameHead(head, b[i]!));
}
