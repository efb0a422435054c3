// Redundant heads: the tree of merges cut at a threshold, as `Tree.cut` of src/vitscope/analysis/heads/seriation.py. Heads are
// flat: their place among all heads, layer by layer.

export interface Merge {
  /** Nodes below the number of heads are flat heads, then come the merges in their order. */
  readonly one: number;
  readonly other: number;
  /** Mean over all pairs of heads between the two nodes. */
  readonly similarity: number;
}

export interface Group {
  /** Flat heads as they stand in the row. */
  readonly heads: readonly number[];
  /** First place in the row. */
  readonly from: number;
  /** Mean similarity of its pairs. */
  readonly similarity: number;
}

/** Groups of two and more heads merged at a mean similarity of at least `threshold`, largest first. */
export function groupsAt(
  merges: readonly Merge[],
  order: readonly number[],
  similarity: ArrayLike<number>,
  threshold: number,
): Group[] {
  const n = order.length;
  const members = new Map<number, readonly number[]>(order.map((head) => [head, [head]]));
  merges.forEach(({ one, other, similarity: mean }, number) => {
    const [left, right] = [members.get(one), members.get(other)];
    if (mean < threshold || !left || !right) return;
    members.delete(one);
    members.delete(other);
    members.set(n + number, [...left, ...right]);
  });
  const place = placesOf(order);
  return [...members.values()]
    .filter((heads) => heads.length > 1)
    .map((heads) => {
      const standing = [...heads].sort((a, b) => place[a]! - place[b]!);
      return { heads: standing, from: place[standing[0]!]!, similarity: meanSimilarity(similarity, n, standing) };
    })
    .sort((a, b) => b.heads.length - a.heads.length || b.similarity - a.similarity || a.from - b.from);
}

/** Where each flat head stands in the row. */
export function placesOf(order: readonly number[]): Int32Array {
  const place = new Int32Array(order.length);
  order.forEach((head, at) => (place[head] = at));
  return place;
}

/** Mean over the pairs of some heads; NaN for fewer than two. */
export function meanSimilarity(similarity: ArrayLike<number>, n: number, heads: readonly number[]): number {
  let [sum, pairs] = [0, 0];
  heads.forEach((one, i) => {
    for (const other of heads.slice(i + 1)) {
      sum += similarity[one * n + other]!;
      pairs++;
    }
  });
  return pairs ? sum / pairs : NaN;
}

/** `A` .. `Z`, then `27`, `28`. */
export const groupName = (at: number): string => (at < 26 ? String.fromCharCode(65 + at) : String(at + 1));

/** The two heads that are most alike; null where no pair is known. */
export function closestPair(
  similarity: ArrayLike<number>,
  n: number,
): readonly [one: number, other: number, similarity: number] | null {
  let best: readonly [number, number, number] | null = null;
  for (let one = 0; one < n; one++) {
    for (let other = one + 1; other < n; other++) {
      const value = similarity[one * n + other]!;
      if (value > (best?.[2] ?? -Infinity)) best = [one, other, value];
    }
  }
  return best;
}
