// Images that lose the same when the same heads are pruned: nearest by the vector of all heads' effects.

export interface Alike {
  readonly row: number;
  /** Euclidean distance of the effects, in the metric's unit. */
  readonly distance: number;
}

/** The `most` rows nearest to `row`, the nearest first, without itself. Heads without a value on either image are left out. */
export function alike(values: Float32Array, cells: number, rows: Int32Array, row: number, most: number): Alike[] {
  const best: Alike[] = [];
  for (const other of rows) {
    if (other === row) continue;
    const limit = best.length < most ? Infinity : best[most - 1]!.distance;
    const distance = distanceOf(values, cells, row, other, limit);
    if (!(distance < limit)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.distance > distance) at--;
    best.splice(at, 0, { row: other, distance });
    if (best.length > most) best.pop();
  }
  return best;
}

/** Euclidean distance over the heads that have a value on both; NaN when there is none in common. */
function distanceOf(values: Float32Array, cells: number, a: number, b: number, limit: number): number {
  let [sum, common] = [0, 0];
  const most = limit * limit;
  for (let cell = 0; cell < cells; cell++) {
    const gap = values[a * cells + cell]! - values[b * cells + cell]!;
    if (gap !== gap) continue;
    sum += gap * gap;
    common++;
    if (sum > most) return Infinity; // the sum only grows
  }
  return common === 0 ? NaN : Math.sqrt(sum);
}
