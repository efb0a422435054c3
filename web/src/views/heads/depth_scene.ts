// The drawing of effects over depth: a line a head from the layer where it is pruned, those of the set with their names.
import { count, tickNumber } from '../../ground/numbers';
import { endNames, stepAxis, stepTitle, valueAxis, valueTitle } from '../../plot/axes';
import { axisFor, axisTicks } from '../../plot/axis';
import { Plot } from '../../plot/line_plot';
import { circle, group, level, path, upright, when, type Mark, type Scene } from '../../plot/scene';
import type { Marked } from '../parts/marks/marked';

export interface Depth {
  readonly width: number;
  readonly height: number;
  readonly layers: number;
  /** Heads that have values; each by its place. */
  readonly heads: readonly number[];
  readonly layerOf: (index: number) => number;
  /** Of a pruned head after a layer; NaN before it is pruned. */
  readonly value: (index: number, observed: number) => number;
  readonly marked: readonly Marked[];
  /** In parts of the distance right after the pruned layer. */
  readonly ratio: boolean;
  /** `CLS` or `the patches`. */
  readonly what: string;
  readonly n: number;
}

export function plotOf({ width, height, layers, heads, value }: Depth): Plot {
  const values = heads.flatMap((index) => Array.from({ length: layers }, (_, observed) => value(index, observed)));
  return new Plot({ left: 54, right: width - 58, top: 20, bottom: height - 30 }, layers, axisFor(values, 'log'));
}

const lineOf = (plot: Plot, { value }: Depth, index: number): string => plot.line((observed) => value(index, observed));

/** The last layer that a head's line reaches. */
export function endOf({ layers, layerOf, value }: Depth, index: number): number {
  let observed = layers - 1;
  while (observed > layerOf(index) && !Number.isFinite(value(index, observed))) observed--;
  return observed;
}

export function scene(props: Depth, plot = plotOf(props)): Scene {
  const { width, height, heads, layerOf, value, marked, ratio, what, n } = props;
  const { frame } = plot;
  const title = ratio
    ? `distance of ${what}, in parts of that right after the pruned layer`
    : `cosine distance of ${what} from the intact ones`;
  return {
    width,
    height,
    title: `Effects over depth: ${title}, n = ${count(n)} images`,
    marks: [
      valueTitle(`${title} (log)`),
      valueAxis(frame, plot.y, axisTicks(plot.axis, 5), tickNumber, 6),
      ...when(ratio, () => [
        level(plot.y(1), [frame.left - 6, frame.right + 6], { stroke: 'muted', thick: 1.2, dash: '1.5 3' }),
      ]),
      group('heads', [
        path(heads.map((index) => lineOf(plot, props, index)).join(''), {
          stroke: 'line-strong',
          thick: 0.8,
          opacity: 0.32,
        }),
      ]),
      group(
        'head set',
        marked.flatMap(({ index, name, paint, dash, focus }) => [
          path(lineOf(plot, props, index), { stroke: paint, dash, thick: focus ? 2.6 : 1.7, data: { curve: name } }),
          circle(plot.x(layerOf(index)), plot.y(value(index, layerOf(index))), 3.2, { fill: paint, stroke: 'panel' }),
        ]),
      ),
      endNames(
        frame,
        marked.map(({ index, name, paint, focus }) => ({
          name,
          fill: paint,
          bold: focus,
          x: plot.x(endOf(props, index)) + 2,
          y: plot.y(value(index, endOf(props, index))),
        })),
      ),
      stepAxis(plot, (layer) => `L${layer}`),
      stepTitle(frame, height, `observed after layer · all images, n = ${count(n)}`),
    ],
  };
}

/** The head that is pointed at, and the layer. */
export const pointed = (plot: Plot, props: Depth, head: number | null, layer: number | null): Mark[] => [
  ...when(head !== null && props.heads.includes(head), () => [
    path(lineOf(plot, props, head!), { stroke: 'ink', thick: 1.6 }),
  ]),
  ...when(layer !== null, () => [
    upright(plot.x(layer!), [plot.frame.top, plot.frame.bottom], { stroke: 'muted', thick: 1.2, dash: '1.5 3' }),
  ]),
];
