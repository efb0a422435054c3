// Class x head: the mean effect on the images of each class, rows put in an order that lays like beside like.

export interface ClassRow {
  readonly target: number;
  /** Images of the class in scope that have values. */
  readonly n: number;
  /** Mean over them, by head place. */
  readonly means: Float64Array;
}

/** Means of each class over the images in `rows`, most images first; images without a class are left out. */
export function classMeans(
  values: Float32Array,
  width: number,
  rows: Int32Array,
  targets: ArrayLike<number>,
): ClassRow[] {
  const found = new Map<number, { n: number; sums: Float64Array; counts: Int32Array }>();
  for (const row of rows) {
    const target = targets[row]!;
    if (target < 0) continue;
    let entry = found.get(target);
    if (!entry) found.set(target, (entry = { n: 0, sums: new Float64Array(width), counts: new Int32Array(width) }));
    let any = false;
    for (let head = 0; head < width; head++) {
      const value = values[row * width + head]!;
      if (value !== value) continue;
      entry.sums[head]! += value;
      entry.counts[head]!++;
      any = true;
    }
    if (any) entry.n++;
  }
  return [...found]
    .map(([target, { n, sums, counts }]) => ({
      target,
      n,
      means: sums.map((sum, head) => (counts[head] ? sum / counts[head]! : NaN)),
    }))
    .filter((row) => row.n > 0)
    .sort((a, b) => b.n - a.n || a.target - b.target);
}

/** The order of rows along their leading principal component; NaN counts as its column's mean. */
export function seriate(rows: readonly Float64Array[]): number[] {
  const centred = centre(rows);
  const products = centred.map((a) => centred.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)));
  let scores = rows.map((_, i) => Math.cos(i + 1)); // any start that is not at right angles to the component
  for (let turn = 0; turn < 100; turn++) {
    const next = products.map((line) => line.reduce((sum, value, i) => sum + value * scores[i]!, 0));
    const length = Math.hypot(...next);
    if (length === 0) break;
    scores = next.map((value) => value / length);
  }
  // Its sign is free: the rows with the larger values come first.
  const sums = rows.map((row) => row.reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0));
  const mean = sums.reduce((a, b) => a + b, 0) / sums.length;
  const sign = scores.reduce((sum, score, i) => sum + score * (sums[i]! - mean), 0) < 0 ? -1 : 1;
  return rows.map((_, i) => i).sort((a, b) => sign * (scores[b]! - scores[a]!) || a - b);
}

function centre(rows: readonly Float64Array[]): Float64Array[] {
  const centred = rows.map((row) => row.slice());
  for (let column = 0; column < (rows[0]?.length ?? 0); column++) {
    const known = rows.map((row) => row[column]!).filter(Number.isFinite);
    const mean = known.reduce((a, b) => a + b, 0) / known.length;
    for (const row of centred) row[column] = Number.isFinite(row[column]) ? row[column]! - mean : 0;
  }
  return centred;
}
