// Spread level: the quartile of an image's entropy among all images of the run. As measures.spread_level.
import { selected } from '../stats/kernels';

export interface Quartiles {
  readonly low: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly high: number;
  readonly n: number;
}

/** Quartiles of each column over the images; NaN left out. `values` are rows of `width`, image after image. */
export function columnQuartiles(values: Float32Array, width: number): Quartiles[] {
  return Array.from({ length: width }, (_, column) => {
    const present = new Float32Array(values.length / width);
    let n = 0;
    for (let at = column; at < values.length; at += width) if (values[at] === values[at]) present[n++] = values[at]!;
    const known = present.subarray(0, n);
    const cut = (share: number): number => (n ? selected(known, share) : NaN);
    return { low: cut(0), q1: cut(0.25), median: cut(0.5), q3: cut(0.75), high: cut(1), n };
  });
}

export type Level = 1 | 2 | 3 | 4;

/** 1 = most focused .. 4 = most spread; on a quartile the lower level; null where there is no value. */
export function spreadLevel(value: number, { q1, median, q3, n }: Quartiles): Level | null {
  if (n === 0 || value !== value) return null;
  return (1 + Number(value > q1) + Number(value > median) + Number(value > q3)) as Level;
}

/** Rows [layer, then the mean over layers] of each image, from values [image, layer, head]: mean over the heads there are. */
export function headMeans(values: Float32Array, layers: number, heads: number): Float32Array {
  const images = values.length / (layers * heads);
  const means = new Float32Array(images * (layers + 1));
  for (let image = 0; image < images; image++) {
    let [all, known] = [0, 0];
    for (let layer = 0; layer < layers; layer++) {
      let [sum, n] = [0, 0];
      for (let at = (image * layers + layer) * heads, end = at + heads; at < end; at++) {
        if (values[at] !== values[at]) continue;
        sum += values[at]!;
        n++;
      }
      means[image * (layers + 1) + layer] = n ? sum / n : NaN;
      if (n) [all, known] = [all + sum / n, known + 1];
    }
    means[image * (layers + 1) + layers] = known ? all / known : NaN;
  }
  return means;
}
