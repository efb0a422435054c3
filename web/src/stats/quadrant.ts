// Heads that stop before the output: low on an output metric, high on a layer metric. The rule of `quadrant` in
// src/vitscope/analysis/quadrant.py, on the statistic that is shown and one measure of the layer.
import { descending } from './kernels';
import { number } from '../ground/numbers';

export interface Quadrant {
  /** Head places, the highest on layer first. */
  readonly heads: readonly number[];
  /** Values between the halves by output, and between the top quarter by layer and the rest; NaN without heads. */
  readonly outputLine: number;
  readonly layerLine: number;
  /** How many heads there would be if the rankings were unrelated, and the probability of at least so many. */
  readonly expected: number;
  readonly p: number;
}

/** The heads in the bottom half by output and in the top quarter by layer. */
export function hiddenQuadrant(output: Float64Array, layer: Float64Array): Quadrant {
  const [byOutput, byLayer] = [descending(output), descending(layer)];
  const larger = (head: number): number => byOutput.filter((other) => output[other]! > output[head]!).length;
  const quarter = Math.ceil(byLayer.length / 4);
  // Equal values share the better rank, as in Python.
  const isLow = (head: number): boolean => larger(head) + 1 > byOutput.length / 2;
  const high = byLayer.slice(0, quarter).filter((head) => output[head] === output[head]);
  const heads = high.filter(isLow);
  const low = byOutput.filter(isLow).length;
  return {
    heads,
    outputLine: between(output, byOutput, Math.floor(byOutput.length / 2)),
    layerLine: between(layer, byLayer, quarter),
    expected: (high.length * low) / byOutput.length,
    p: tail(heads.length, high.length, low, byOutput.length),
  };
}

/** Whether there are more heads than unrelated rankings give. */
export const beyondChance = ({ heads, expected, p }: Quadrant): boolean => heads.length > expected && p < 0.05;

/** The count beside what chance gives, as `Quadrant.verdict` in src/vitscope/analysis/quadrant.py. */
export function chanceWords(quadrant: Quadrant): string {
  const { heads, expected } = quadrant;
  const found = heads.length;
  const few =
    found < expected
      ? 'fewer than chance'
      : found > expected
        ? 'more than expected, but not beyond chance'
        : 'no more than chance';
  return `${number(expected)} expected if unrelated: ${beyondChance(quadrant) ? 'more than chance' : `${few}, no finding`}`;
}

/** P(at least `found` marked ones among `drawn` of `total`, `marked` of which are marked): hypergeometric. */
function tail(found: number, drawn: number, marked: number, total: number): number {
  const logs = new Float64Array(total + 1); // of factorials
  for (let i = 1; i <= total; i++) logs[i] = logs[i - 1]! + Math.log(i);
  const ways = (n: number, k: number): number => logs[n]! - logs[k]! - logs[n - k]!;
  let sum = 0;
  for (let k = Math.max(found, drawn - (total - marked)); k <= Math.min(drawn, marked); k++) {
    sum += Math.exp(ways(marked, k) + ways(total - marked, drawn - k) - ways(total, drawn));
  }
  return total ? Math.min(1, sum) : NaN;
}

/** Half way between the last of the first `count` values and the next one. */
function between(values: Float64Array, order: readonly number[], count: number): number {
  const [above, below] = [order[count - 1], order[count]];
  if (above === undefined) return below === undefined ? NaN : values[below]!;
  return below === undefined ? values[above]! : (values[above]! + values[below]!) / 2;
}
