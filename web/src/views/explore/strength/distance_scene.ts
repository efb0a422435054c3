// The drawing of mean attention distance by layer: a dot a head, in pixels at the left, in parts of the diagonal at the right.
import type { Band } from '../../../attention/strength';
import { number, percent } from '../../../ground/numbers';
import { valueAxis, valueTitle } from '../../../plot/axes';
import { axisFor, axisTicks } from '../../../plot/axis';
import { dots, Plot } from '../../../plot/line_plot';
import { circle, group, level, path, text, type Mark, type Scene } from '../../../plot/scene';
import type { Marked } from '../../parts/marks/marked';

export interface Distance {
  readonly width: number;
  readonly height: number;
  /** Of every head by its place, in pixels; NaN = not known. */
  readonly values: ArrayLike<number>;
  /** Without keys that all patches attend to. */
  readonly noSinks: boolean;
  readonly layers: number;
  /** Places a layer has. */
  readonly across: number;
  readonly bands: readonly Band[];
  /** What uniform attention gives. */
  readonly uniform: number;
  /** Of the grid, in pixels. */
  readonly diagonal: number;
  /** Heads that have values, by their place. */
  readonly heads: readonly number[];
  readonly marked: readonly Marked[];
  readonly unnamed: readonly number[];
}

export const plotOf = ({ width, height, values, uniform, layers }: Distance): Plot =>
  new Plot(
    { left: 32, right: width - 36, top: 20, bottom: height - 32 },
    layers,
    axisFor([...Array.from(values), uniform], 'linear'),
  );

export const placeOf = (plot: Plot, { values, across }: Distance, index: number): readonly [x: number, y: number] => [
  plot.x(Math.floor(index / across)),
  plot.y(values[index]!),
];

export function scene(props: Distance, plot = plotOf(props)): Scene {
  const { width, height, noSinks, layers, bands, uniform, diagonal, heads, marked, unnamed } = props;
  const { frame, axis } = plot;
  const place = (index: number): readonly [number, number] => placeOf(plot, props, index);
  const shares = axisTicks({ ...axis, high: axis.high / diagonal }, 4).slice(1);
  const named = [...new Set([0, Math.floor((layers - 1) / 2), layers - 1])];
  const dot = { thick: 4, round: true } as const;
  return {
    width,
    height,
    title: `Mean attention distance${noSinks ? ' without keys that all patches attend to' : ''} by layer, px`,
    marks: [
      valueTitle(noSinks ? 'without sinks, px' : 'distance, px', 8),
      valueAxis(frame, plot.y, axisTicks(axis, 5), String, 3),
      group(
        'share axis',
        shares.map((share) => text(frame.right + 6, plot.y(share * diagonal) + 3.5, `${+(100 * share).toFixed(1)} %`)),
      ),
      level(plot.y(uniform), [frame.left - 3, frame.right + 3], {
        stroke: 'muted',
        thick: 1.2,
        dash: '1.5 3',
        title: `uniform attention: ${number(uniform)} px, ${percent(uniform / diagonal)} of the diagonal`,
      }),
      group('heads', [
        path(dots(heads.map(place)), { ...dot, stroke: 'line-strong', strokeOpacity: 0.7 }),
        path(dots(unnamed.filter((index) => heads.includes(index)).map(place)), { ...dot, stroke: 'muted' }),
      ]),
      group('mean', [
        path(
          plot.line((layer) => bands[layer]?.mean ?? NaN),
          { stroke: 'muted', thick: 1.2 },
        ),
      ]),
      group(
        'head set',
        marked.map(({ index, name, paint, focus }) =>
          circle(...place(index), focus ? 4.5 : 3.5, {
            fill: paint,
            ...(focus ? { stroke: 'ink', thick: 1.5 } : { stroke: 'panel' }),
            data: { dot: name },
          }),
        ),
      ),
      group(
        'step axis',
        named.map((layer) => text(plot.x(layer), frame.bottom + 13, `L${layer}`, { anchor: 'middle' })),
      ),
      group('share title', [text(width - 2, height - 4, 'right: % of diag.', { anchor: 'end' })]),
    ],
  };
}

/** Around the head that is pointed at. */
export const pointed = (plot: Plot, props: Distance, head: number | null): Mark[] =>
  head !== null && Number.isFinite(props.values[head])
    ? [circle(...placeOf(plot, props, head), 6, { stroke: 'ink', thick: 2 })]
    : [];
