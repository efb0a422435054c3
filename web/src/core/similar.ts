// Which images lose alike when the same heads are pruned: neighbours by their importance vectors.

/** The `most` nearest images, by root mean square difference over the heads known of both, nearest first. */
export function similarImages(values: Float32Array, cells: number, image: number, among: Int32Array, most: number): number[] {
  const found: { row: number; distance: number }[] = [];
  for (const row of among) {
    if (row === image) continue;
    let [sum, n] = [0, 0];
    for (let cell = 0; cell < cells; cell++) {
      const step = values[row * cells + cell]! - values[image * cells + cell]!;
      if (step !== step) continue;
      sum += step * step;
      n++;
    }
    if (n > 0) found.push({ row, distance: Math.sqrt(sum / n) });
  }
  found.sort((a, b) => a.distance - b.distance || a.row - b.row);
  return found.slice(0, most).map(({ row }) => row);
}
