// The drawing of strength over hops: a line a head, the median and the interquartile range of the heads, those of the set by name.
import type { Band } from '../../../attention/strength';
import { count } from '../../../ground/numbers';
import { endNames, stepAxis, stepTitle, valueAxis, valueTitle } from '../../../plot/axes';
import { axisFor, axisTicks, shareTick } from '../../../plot/axis';
import { Plot } from '../../../plot/line_plot';
import { circle, group, path, rect, text, upright, when, type Mark, type Scene } from '../../../plot/scene';
import type { StrengthName } from '../../../io/quantities.gen';
import type { Marked } from '../../parts/marks/marked';

export interface Curves {
  readonly width: number;
  readonly height: number;
  /** Left of the axis: what else stands there. */
  readonly beside: number;
  readonly kind: StrengthName;
  readonly hops: number;
  /** Of every head at every hop [head, hop]; null while not known. */
  readonly means: Float64Array | null;
  /** The interquartile range of the heads, and what uniform attention gives, at each hop. */
  readonly bands: readonly Band[];
  readonly uniform: ArrayLike<number>;
  readonly heads: readonly number[];
  readonly marked: readonly Marked[];
  readonly unnamed: readonly number[];
  /** The focus head on the focus image. */
  readonly own: { readonly image: number; readonly value: (hop: number) => number } | null;
  readonly n: number;
}

export const valueOf = ({ means, hops }: Curves, index: number, hop: number): number =>
  means?.[index * hops + hop] ?? NaN;

export function plotOf({ width, height, beside, kind, hops, means, uniform, marked, own }: Curves): Plot {
  const owned = own ? Array.from({ length: hops }, (_, hop) => own.value(hop)) : [];
  const axis = axisFor([...(means ?? []), ...Array.from(uniform), ...owned], kind === 'mass' ? 'linear' : 'log');
  // Room for the longest name at the ends of the lines.
  const names = Math.max(52, ...marked.map(({ name }) => 7 * name.length + 9));
  return new Plot({ left: beside + 36, right: width - names, top: 20, bottom: height - 32 }, hops, axis);
}

const lineOf = (plot: Plot, props: Curves, index: number): string => plot.line((hop) => valueOf(props, index, hop));
const DASHED = { thick: 1.3, dash: '4 3', strokeOpacity: 0.8 } as const;

export function scene(props: Curves, plot = plotOf(props)): Scene {
  const { width, height, kind, hops, bands, uniform, heads, marked, unnamed, own, n } = props;
  const { frame } = plot;
  const lines = (of: readonly number[]): string => of.map((index) => lineOf(plot, props, index)).join('');
  const last = hops - 1;
  const title =
    kind === 'density'
      ? 'share on one patch of ring k, log'
      : width < 320
        ? 'share of attention on ring k'
        : 'share of a patch’s attention on ring k';
  const plain = (name: string, at: number): { name: string; paint: 'muted'; focus: false; at: number } => ({
    name,
    paint: 'muted',
    focus: false,
    at,
  });
  const ends = [
    ...marked.map(({ index, name, paint, focus }) => ({ name, paint, focus, at: valueOf(props, index, last) })),
    ...(own ? [plain(`#${own.image}`, own.value(last))] : []),
    plain('median', bands[last]?.median ?? NaN),
    plain('uniform', uniform[last]!),
  ].filter(({ at }) => Number.isFinite(at));
  return {
    width,
    height,
    title: `Attention strength of each head by hops from the query patch: ${title}, n = ${count(n)} images`,
    marks: [
      valueTitle(title, frame.left - 34),
      valueAxis(frame, plot.y, axisTicks(plot.axis, 5), shareTick),
      group('band', [
        path(
          plot.area(
            (hop) => bands[hop]!.q1,
            (hop) => bands[hop]!.q3,
          ),
          { fill: 'muted', opacity: 0.16 },
        ),
      ]),
      group('heads', [
        path(lines(heads), { stroke: 'line-strong', thick: 0.8, round: true, strokeOpacity: 0.5 }),
        path(lines(unnamed), { stroke: 'muted', thick: 1.2, round: true }),
      ]),
      group('uniform', [
        path(
          plot.line((hop) => uniform[hop]!),
          { stroke: 'muted', thick: 1.2, dash: '1.5 3' },
        ),
      ]),
      group('median', [
        path(
          plot.line((hop) => bands[hop]!.median),
          { stroke: 'muted', thick: 1.6, round: true },
        ),
      ]),
      ...when(own, () => [group('image', [path(plot.line(own!.value), { ...DASHED, stroke: 'ink' })])]),
      group(
        'head set',
        marked.map(({ index, name, paint, dash, focus }) =>
          path(lineOf(plot, props, index), { stroke: paint, dash, thick: focus ? 2.8 : 2, data: { line: name } }),
        ),
      ),
      endNames(
        frame,
        ends.map(({ name, paint, focus, at }) => ({
          name,
          fill: paint,
          bold: focus,
          x: frame.right + 1,
          y: plot.y(at),
        })),
      ),
      stepAxis(plot, String, 18),
      stepTitle(frame, height, `k, hops from the query patch · n = ${count(n)}`),
    ],
  };
}

/** An image that is pointed at: the marked heads' lines on it. */
export const imageLines = (
  plot: Plot,
  { marked }: Curves,
  image: number,
  value: (index: number, hop: number) => number,
): Mark[] => [
  ...marked.map(({ index, paint }) =>
    path(
      plot.line((hop) => value(index, hop)),
      { ...DASHED, stroke: paint },
    ),
  ),
  text(plot.frame.right, plot.frame.top + 8, `dashed: #${image}`, { anchor: 'end' }),
];

/** The hop that is pointed at. */
export const hopLine = (plot: Plot, hop: number): Mark[] => [
  upright(plot.x(hop), [plot.frame.top, plot.frame.bottom], { stroke: 'line-strong', dash: '2 2' }),
  ...when(plot.named(18).includes(hop), () => [
    text(plot.x(hop), plot.frame.bottom + 13, String(hop), { anchor: 'middle', fill: 'ink', bold: true, rim: true }),
  ]),
];

/** The head that is pointed at, its line above all others. */
export function headLine(plot: Plot, props: Curves, index: number): Mark[] {
  const d = lineOf(plot, props, index);
  const stroke = props.marked.find((head) => head.index === index)?.paint ?? 'ink';
  return [
    path(d, { stroke: 'panel', thick: 6, strokeOpacity: 0.85, round: true }),
    path(d, { stroke, thick: 2.4, round: true }),
  ];
}

/** The point of a head at a hop. */
export const pointAt = (plot: Plot, props: Curves, index: number, hop: number): Mark[] =>
  when(Number.isFinite(valueOf(props, index, hop)), () => [
    circle(plot.x(hop), plot.y(valueOf(props, index, hop)), 3.5, { fill: 'panel', stroke: 'ink', thick: 2 }),
  ]);

/** The rectangle that is drawn around lines. */
export const brushBox = (plot: Plot, left: number, right: number, edge: number): Mark =>
  rect([left, right], [plot.frame.top, Math.max(edge, plot.frame.top)], {
    fill: 'accent',
    fillOpacity: 0.14,
    stroke: 'accent',
  });
