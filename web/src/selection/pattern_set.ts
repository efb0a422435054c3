// The pattern set: clusters that were chosen, or an outline drawn on the map of matrices.
import { inside, LASSO_STEPS, type Point } from './scope';

export type PatternSet =
  | { readonly kind: 'clusters'; readonly clusters: readonly number[] }
  | { readonly kind: 'lasso'; readonly points: readonly Point[] };

export const samePatterns = (a: PatternSet | null, b: PatternSet | null): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

export const chosenClusters = (set: PatternSet | null): readonly number[] =>
  set?.kind === 'clusters' ? set.clusters : [];

/** The set with a cluster put in or taken out; null when nothing is left. */
export function toggledCluster(set: PatternSet | null, cluster: number): PatternSet | null {
  const before = chosenClusters(set);
  const others = before.filter((other) => other !== cluster);
  const clusters = others.length < before.length ? others : [...others, cluster].sort((a, b) => a - b);
  return clusters.length ? { kind: 'clusters', clusters } : null;
}

/** 1 for each matrix of the set; positions [matrix, 2] are in parts of the map's box. */
export function matricesIn(set: PatternSet, cluster: Uint8Array, positions: Float32Array): Uint8Array {
  const found = new Uint8Array(cluster.length);
  if (set.kind === 'clusters') {
    const chosen = new Uint8Array(256);
    for (const of of set.clusters) chosen[of] = 1;
    for (let i = 0; i < found.length; i++) found[i] = chosen[cluster[i]!]!;
    return found;
  }
  const [xs, ys] = [0, 1].map((axis) => set.points.map((point) => point[axis]! / LASSO_STEPS)) as [number[], number[]];
  const box = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)] as const;
  for (let i = 0; i < found.length; i++) {
    const [x, y] = [positions[2 * i]!, positions[2 * i + 1]!];
    if (x < box[0] || x > box[1] || y < box[2] || y > box[3]) continue;
    if (inside(set.points, x, y)) found[i] = 1;
  }
  return found;
}
