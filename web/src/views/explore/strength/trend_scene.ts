// The drawing of one hop over depth: a dot a head in each layer, the mean of the layer's heads, the interquartile range as a band.
import type { Band } from '../../../attention/strength';

import { endNames, stepAxis, stepTitle, valueAxis, valueTitle } from '../../../plot/axes';
import { axisFor, axisTicks, shareTick } from '../../../plot/axis';
import { dots, Plot } from '../../../plot/line_plot';
import { circle, group, level, path, when, type Mark, type Scene } from '../../../plot/scene';
import type { StrengthName } from '../../../io/quantities.gen';
import type { Marked } from '../../parts/marks/marked';

export interface Trend {
  readonly width: number;
  readonly height: number;
  readonly hop: number;
  readonly kind: StrengthName;
  /** Of every head by its place; NaN = not known. */
  readonly values: ArrayLike<number>;
  /** Heads of each layer, and places a layer has. */
  readonly nHeads: readonly number[];
  readonly across: number;
  readonly bands: readonly Band[];
  /** What uniform attention gives. */
  readonly uniform: number;
  /** Heads that have values, by their place. */
  readonly heads: readonly number[];
  readonly marked: readonly Marked[];
  readonly unnamed: readonly number[];
  /** The focus head on the focus image. */
  readonly own: { readonly image: number; readonly head: number; readonly value: number } | null;
}

export const plotOf = ({ width, height, kind, values, uniform, own, nHeads }: Trend): Plot =>
  new Plot(
    { left: 42, right: width - 52, top: 20, bottom: height - 32 },
    nHeads.length,
    axisFor([...Array.from(values), uniform, own?.value ?? NaN], kind === 'mass' ? 'linear' : 'log'),
  );

/** Where a head is. Heads of a layer stand beside each other, so that equal values do not hide one another. */
export function placeOf(plot: Plot, { values, nHeads, across }: Trend, index: number): readonly [x: number, y: number] {
  const layer = Math.floor(index / across);
  const aside =
    nHeads[layer]! > 1 ? ((index % across) / (nHeads[layer]! - 1) - 0.5) * Math.min(plot.step * 0.6, 24) : 0;
  return [plot.x(layer) + aside, plot.y(values[index]!)];
}

export function scene(props: Trend, plot = plotOf(props)): Scene {
  const { width, height, hop, kind, bands, uniform, heads, marked, unnamed, own } = props;
  const { left, right } = plot.frame;
  const place = (index: number): readonly [number, number] => placeOf(plot, props, index);
  const title =
    kind === 'mass'
      ? `share of a patch’s attention on ring k = ${hop}`
      : `share on one patch of ring k = ${hop} (log axis)`;
  return {
    width,
    height,
    title: `Attention strength by layer: ${title}`,
    marks: [
      valueTitle(title),
      valueAxis(plot.frame, plot.y, axisTicks(plot.axis, 5), shareTick, 6),
      group('band', [
        path(
          plot.area(
            (layer) => bands[layer]!.q1,
            (layer) => bands[layer]!.q3,
          ),
          { fill: 'muted', opacity: 0.16 },
        ),
      ]),
      group('uniform', [level(plot.y(uniform), [left - 6, right + 6], { stroke: 'muted', thick: 1.2, dash: '1.5 3' })]),
      group('mean', [
        path(
          plot.line((layer) => bands[layer]!.mean),
          { stroke: 'muted', thick: 1.6 },
        ),
      ]),
      group('heads', [
        path(dots(heads.map(place)), { stroke: 'line-strong', thick: 5, round: true, strokeOpacity: 0.75 }),
        path(dots(unnamed.filter((index) => heads.includes(index)).map(place)), {
          stroke: 'muted',
          thick: 5,
          round: true,
        }),
      ]),
      ...when(own, () => [
        circle(place(own!.head)[0], plot.y(own!.value), 4, {
          stroke: 'ink',
          thick: 1.5,
          dash: '2 1.5',
          title: `image #${own!.image}`,
        }),
      ]),
      endNames(
        plot.frame,
        marked.map(({ index, name, paint, focus }) => ({
          name,
          fill: paint,
          bold: focus,
          x: place(index)[0],
          y: place(index)[1],
        })),
        11.5,
        '1 2',
      ),
      group(
        'head set',
        marked.map(({ index, paint, focus, name }) =>
          circle(...place(index), focus ? 5 : 4, {
            fill: paint,
            ...(focus ? { stroke: 'ink', thick: 1.5 } : { stroke: 'panel' }),
            data: { dot: name },
          }),
        ),
      ),
      stepAxis(plot, (layer) => `L${layer}`),
      stepTitle(plot.frame, height, `line: mean of heads · dotted: uniform${own ? ` · ○ #${own.image}` : ''}`),
    ],
  };
}

/** Around the head that is pointed at. */
export const pointed = (plot: Plot, props: Trend, head: number | null): Mark[] =>
  head !== null && Number.isFinite(props.values[head])
    ? [circle(...placeOf(plot, props, head), 7, { stroke: 'ink', thick: 2 })]
    : [];
