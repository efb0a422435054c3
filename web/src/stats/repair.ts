// What later layers undo or amplify of a head's effect: one curve of [layer, head, observed]. The rules and words of
// src/vitscope/analysis/heads/repair.py.
import { number, percent } from '../ground/numbers';

export interface Repair {
  /** Right after the pruned layer. */
  readonly after: number;
  /** After the last layer where it is known, and which one that is. */
  readonly end: number;
  readonly observed: number;
  /** Below 1 later layers undo, above 1 they amplify; NaN where the layer itself shows nothing. */
  readonly ratio: number;
}

/** An effect that ends within this share of where it began is left as it is. */
const STEADY = 0.1;

/** Distances of one head after each layer; NaN before it. */
export const curveOf = (values: Float32Array, layers: number, index: number): Float32Array =>
  values.subarray(index * layers, (index + 1) * layers);

/** Null where no later layer is known. */
export function repairOf(curve: Float32Array, layer: number): Repair | null {
  let observed = curve.length - 1;
  while (observed > layer && !Number.isFinite(curve[observed])) observed--;
  const [after, end] = [curve[layer]!, curve[observed]!];
  if (observed <= layer || !Number.isFinite(after)) return null;
  return { after, end, observed, ratio: after > 0 ? end / after : NaN };
}

/** `repaired`, `amplified` or `kept`, with how far. */
export function repairWords({ ratio }: Repair): string {
  if (!Number.isFinite(ratio)) return 'brought about later';
  if (Math.abs(ratio - 1) <= STEADY) return `kept, ratio ${ratio.toFixed(2)}`;
  return ratio < 1
    ? `repaired: ${percent(1 - ratio)} undone, ratio ${number(ratio)}`
    : `amplified ${ratio.toFixed(1)} times`;
}

/** `cosine distance 0.0120 right after layer 3, 0.00240 after layer 11`. */
export const repairNumbers = ({ after, end, observed }: Repair, layer: number): string =>
  `cosine distance ${number(after)} right after layer ${layer}, ${number(end)} after layer ${observed}`;
