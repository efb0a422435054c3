// Classes over layers: the mean of a quantity over the heads of each layer, class by class, and of the focus head.
import type { ClassRow } from './class_table';

export interface ClassTrend {
  readonly target: number;
  /** Images of the class in scope. */
  readonly n: number;
  /** Mean over the heads of each layer. */
  readonly layers: Float64Array;
  readonly focus: number;
}

/** From means by head place to means by layer; heads a layer does not have, and values that are not known, are left out. */
export function trends(
  rows: readonly ClassRow[],
  heads: readonly number[],
  width: number,
  focus: number,
): ClassTrend[] {
  return rows.map(({ target, n, means }) => {
    const layers = Float64Array.from(heads, (count, layer) => {
      let [sum, known] = [0, 0];
      for (let head = 0; head < count; head++) {
        const value = means[layer * width + head]!;
        if (value !== value) continue;
        sum += value;
        known++;
      }
      return known ? sum / known : NaN;
    });
    return { target, n, layers, focus: means[focus] ?? NaN };
  });
}

/** Every `hops`-th number of [image, head, hop]: the strength at one hop, [image, head]. */
export function atOneHop(values: Float32Array, hops: number, hop: number): Float32Array {
  const found = new Float32Array(values.length / hops);
  for (let at = 0; at < found.length; at++) found[at] = values[at * hops + hop]!;
  return found;
}

/** 1 where a sampled matrix belongs to a pattern, 0 where not, NaN where there is none: [image, head place]. */
export function shownBy(
  members: (matrix: number) => boolean,
  images: Int32Array,
  heads: readonly { readonly layer: number; readonly head: number }[],
  width: number,
  cells: number,
  nImages: number,
): Float32Array {
  const found = new Float32Array(nImages * cells).fill(NaN);
  images.forEach((image, place) =>
    heads.forEach(
      ({ layer, head }, flat) =>
        (found[image * cells + layer * width + head] = members(place * heads.length + flat) ? 1 : 0),
    ),
  );
  return found;
}
