// Where the strips of the heads stand: heads side by side, a gap between layers, over the whole width.

export interface StripPlaces {
  /** Left edge of each head's strip by head place; NaN for places without a head. */
  readonly left: Float64Array;
  readonly width: number;
  /** Left and right of each layer. */
  readonly layers: readonly (readonly [left: number, right: number])[];
}

export function stripPlaces(heads: readonly number[], columns: number, from: number, to: number): StripPlaces {
  const total = heads.reduce((sum, count) => sum + count, 0);
  const gaps = heads.length - 1;
  // A gap is as wide as a strip, at most 10 px.
  const gap = Math.min(10, (to - from) / (total + gaps));
  const width = (to - from - gap * gaps) / total;
  const left = new Float64Array(heads.length * columns).fill(NaN);
  let x = from;
  const layers = heads.map((count, layer) => {
    const start = x;
    for (let head = 0; head < count; head++, x += width) left[layer * columns + head] = x;
    const ends = [start, x] as const;
    x += gap;
    return ends;
  });
  return { left, width, layers };
}

/** The head place whose strip is at, or nearest to, a place; -1 without heads. */
export function stripAt({ left, width }: StripPlaces, x: number): number {
  let [best, distance] = [-1, Infinity];
  for (let index = 0; index < left.length; index++) {
    const away = Math.max(left[index]! - x, x - left[index]! - width, 0);
    if (away < distance) [best, distance] = [index, away];
  }
  return best;
}
