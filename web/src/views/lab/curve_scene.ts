// The drawing of pruning curves: lines with their names over the band of random orders, a mark where the present set is.
import { ticks } from 'd3-array';
import { HEAD_DASHES } from '../../plot/colour';
import { number, percent, tickNumber } from '../../ground/numbers';
import type { CurveResult } from '../../io/wire';
import { endNames, stepTitle, valueAxis } from '../../plot/axes';
import { areaBetween, lineThrough, type Frame } from '../../plot/line_plot';
import { circle, group, path, text, upright, when, type Mark, type Scene } from '../../plot/scene';
import type { CurveBy } from '../../words/curve_words';

export interface Curve {
  readonly width: number;
  readonly height: number;
  readonly curve: CurveResult;
  readonly by: CurveBy;
  /** The present set: how many heads, and the accuracy of the images in scope with it. */
  readonly present: { readonly size: number; readonly accuracy: number | null };
}

type Values = readonly (number | null)[];

/** Values of the lines, then the band's two edges and its median; null where nothing is known. */
export const curveValues = (
  curve: CurveResult,
  by: CurveBy,
): { lines: readonly Values[]; low: Values; high: Values; median: Values } => ({
  lines: curve.lines.map((line) => line[by]),
  ...curve.band[by],
});

export const quantityOf = (curve: CurveResult, by: CurveBy): string =>
  by === 'accuracy' ? 'accuracy' : curve.movedBy === 'jsd' ? 'mean JSD, bits' : 'mean cosine distance';

export interface CurvePlot {
  readonly frame: Frame;
  readonly x: (size: number) => number;
  readonly y: (value: number) => number;
  readonly sizes: readonly number[];
  readonly values: readonly number[];
}

/** The accuracy with the present set, where there is one and accuracies are drawn. */
const presentOf = ({ by, present }: Curve): number | null =>
  by === 'accuracy' && present.size > 0 ? present.accuracy : null;

/** Accuracy goes from 0 or a little below the smallest value, to a little above the largest. */
export function plotOf(props: Curve): CurvePlot {
  const { width, height, curve, by } = props;
  const LETTER = 6.7;
  const names = Math.min(width / 2, 18 + LETTER * Math.max(12, ...curve.lines.map(({ name }) => name.length)));
  const frame = { left: 46, right: Math.max(106, width - names), top: 8, bottom: Math.max(48, height - 34) };
  const { lines, low, high, median } = curveValues(curve, by);
  const known = [...lines.flat(), ...low, ...high, ...median, presentOf(props)].filter((value) => value !== null);
  let [least, most] = [Math.min(...known), Math.max(...known)];
  if (!known.length) [least, most] = [0, 1];
  if (by === 'moved') least = 0;
  const room = Math.max((most - least) * 0.06, by === 'accuracy' ? 0.01 : 1e-6);
  const bottom = by === 'moved' ? 0 : Math.max(0, least - room);
  const top = by === 'accuracy' ? Math.min(1, most + room) : most + room;
  const last = Math.max(1, ...curve.sizes);
  return {
    frame,
    x: (size) => frame.left + (size / last) * (frame.right - frame.left),
    y: (value) => frame.bottom - ((value - bottom) / (top - bottom)) * (frame.bottom - frame.top),
    sizes: ticks(0, last, 6).filter(Number.isInteger),
    values: ticks(bottom, top, 4),
  };
}

/** The last place of a line that has a value; -1 for none. */
const lastKnown = (values: Values): number => values.findLastIndex((value) => value !== null);

export function scene(props: Curve, plot = plotOf(props)): Scene {
  const { width, height, curve, by, present } = props;
  const { frame, x, y } = plot;
  const { lines, low, high, median } = curveValues(curve, by);
  const sizeAt = (at: number): number => x(curve.sizes[at]!);
  const heightOf = (values: Values) => (at: number) => (values[at] == null ? NaN : y(values[at]));
  const n = curve.sizes.length;
  const own = presentOf(props);
  const quantity = quantityOf(curve, by);
  const band = { name: `random × ${curve.band.draws}`, fill: 'muted', values: median } as const;
  const ends = [...lines.map((values, i) => ({ name: curve.lines[i]!.name, fill: { head: i % 6 }, values })), band];
  return {
    width,
    height,
    title: `Pruning curve: ${quantity} against heads pruned, n = ${curve.n}`,
    marks: [
      valueAxis(frame, y, plot.values, (value) =>
        by === 'accuracy' ? `${tickNumber(100 * value)} %` : tickNumber(value),
      ),
      group(
        'step axis',
        plot.sizes.map((size) => text(x(size), frame.bottom + 14, String(size), { anchor: 'middle' })),
      ),
      stepTitle(frame, height, `heads pruned · ${quantity} · n = ${curve.n}`),
      group('band', [
        path(areaBetween(n, sizeAt, heightOf(low), heightOf(high)), { fill: 'muted', opacity: 0.2 }),
        path(lineThrough(n, sizeAt, heightOf(median)), { stroke: 'muted', dash: '2 3' }),
      ]),
      group(
        'lines',
        lines.flatMap((values, i) => [
          path(lineThrough(n, sizeAt, heightOf(values)), {
            stroke: { head: i % 6 },
            thick: 2,
            dash: HEAD_DASHES[i % 6]!.join(' '),
            data: { line: curve.lines[i]!.name },
          }),
          ...dotsOf(plot, props, i, 2.2),
        ]),
      ),
      ...when(present.size > 0 && present.size <= curve.sizes.at(-1)!, () => [
        group('present set', [
          upright(x(present.size), [frame.top, frame.bottom], { stroke: 'ink', dash: '4 3' }),
          ...when(own !== null, () => [
            path(`M${x(present.size)},${y(own!) - 5}l5,5l-5,5l-5,-5Z`, {
              fill: 'ink',
              stroke: 'panel',
              data: { present: present.size },
              title: `the present set on the images in scope: ${by === 'accuracy' ? percent(own) : number(own)}`,
            }),
          ]),
          text(x(present.size) + 3, frame.top + 9, 'this set', { size: 10.5 }),
        ]),
      ]),
      endNames(
        frame,
        ends.flatMap(({ name, fill, values }) => {
          const last = lastKnown(values);
          return last < 0 ? [] : [{ name, fill, bold: true, x: sizeAt(last) + 4, y: y(values[last]!) }];
        }),
        13,
      ),
    ],
  };
}

/** The points of a line at all sizes, or at one. */
function dotsOf({ x, y }: CurvePlot, { curve, by }: Curve, line: number, r: number, only?: number): Mark[] {
  return curve.sizes.flatMap((size, at) => {
    const value = curve.lines[line]![by][at] ?? null;
    if (value === null || (only !== undefined && at !== only)) return [];
    return [circle(x(size), y(value), r, { fill: { head: line % 6 } })];
  });
}

/** The size that is pointed at. */
export const atSize = (plot: CurvePlot, props: Curve, at: number): Mark[] => [
  upright(plot.x(props.curve.sizes[at]!), [plot.frame.top, plot.frame.bottom], { stroke: 'line-strong' }),
  ...props.curve.lines.flatMap((_, line) => dotsOf(plot, props, line, 3.6, at)),
];
