// The drawing of a value by layer over the quartile bands of all images; the image's level above each layer, the mean at
// the right.
import { ticks } from 'd3-array';
import type { Level, Quartiles } from '../../../attention/levels';
import { tickNumber } from '../../../ground/numbers';
import { areaBetween, lineThrough } from '../../../plot/line_plot';
import { valueAxis } from '../../../plot/axes';
import { circle, group, level, path, rect, text, when, type Mark, type Scene } from '../../../plot/scene';

export interface Spread {
  readonly width: number;
  readonly height: number;
  /** Of each layer, then of the mean over layers. */
  readonly quartiles: readonly Quartiles[];
  readonly line: ArrayLike<number>;
  readonly levels: readonly (Level | null)[] | null;
  readonly dots: readonly { readonly layer: number; readonly value: number; readonly focus: boolean }[];
  /** Ends of the axis. */
  readonly low: number;
  readonly high: number;
  readonly unit: string;
  readonly formula: string;
  /** Layer of the focus head. */
  readonly focus: number;
}

const [LEFT, RIGHT, ABOVE, BELOW, MEAN] = [34, 6, 20, 18, 46];

export const layersOf = ({ line }: Pick<Spread, 'line'>): number => line.length - 1;
export const stepOf = ({ width, line }: Pick<Spread, 'width' | 'line'>): number =>
  (width - LEFT - RIGHT - MEAN) / layersOf({ line });
/** Middle of a layer's column; of the mean's after the last. */
export const columnAt = (props: Pick<Spread, 'width' | 'line'>, at: number): number =>
  at < layersOf(props) ? LEFT + (at + 0.5) * stepOf(props) : props.width - RIGHT - MEAN / 2 + 4;
export const columnName = (props: Pick<Spread, 'line'>, at: number): string =>
  at < layersOf(props) ? `L${at}` : 'mean';

const OUTER = { fill: 'ink', fillOpacity: 0.07 } as const;
const INNER = { fill: 'ink', fillOpacity: 0.16 } as const;
const BANDS = [
  ['low', 'q1', OUTER],
  ['q1', 'median', INNER],
  ['median', 'q3', INNER],
  ['q3', 'high', OUTER],
] as const;

export function scene(props: Spread): Scene {
  const { width, height, quartiles, line, levels, dots, low, high, unit, formula, focus } = props;
  const layers = layersOf(props);
  const step = stepOf(props);
  const x = (at: number): number => columnAt(props, at);
  const y = (value: number): number => ABOVE + ((high - value) / (high - low)) * (height - ABOVE - BELOW);
  /** Round values, and the upper end: for entropy it is the most there can be. */
  const rules = [...ticks(low, high, 3).filter((value) => high - value > 0.15 * (high - low)), high];
  const every = step >= 22 ? 1 : step >= 11 ? 2 : 4;
  const columns = Array.from({ length: layers + 1 }, (_, at) => at);
  const edge = (of: 'low' | 'q1' | 'median' | 'q3' | 'high') => (at: number) =>
    quartiles[at]!.n > 0 ? y(quartiles[at]![of]) : NaN;
  const mean = quartiles[layers]!;
  const known = columns.filter((at) => line[at] === line[at]);
  const across = [x(layers) - 9, x(layers) + 9] as const;
  return {
    width,
    height,
    title: `Spread of this image by layer, ${unit}. ${formula}`,
    marks: [
      group(
        'quartiles',
        BANDS.map(([from, to, style]) => path(areaBetween(layers, x, edge(from), edge(to)), style)),
      ),
      valueAxis({ left: LEFT, right: width - RIGHT }, y, rules, tickNumber),
      group('value title', [text(0, 9, unit, { title: formula })]),
      group(
        'step axis',
        columns
          .filter((at) => at === layers || at % every === 0 || at === focus)
          .map((at) =>
            text(x(at), height - 4, columnName(props, at), {
              anchor: 'middle',
              ...(at === focus ? { bold: true, fill: 'ink' } : {}),
            }),
          ),
      ),
      group(
        'levels',
        columns.flatMap((at) => (levels?.[at] ? levelMarks(levels[at], x(at), at === focus) : [])),
      ),
      ...when(mean.n > 0, () => [
        group('mean over layers', [
          rect(across, [y(mean.high), y(mean.low)], OUTER),
          rect(across, [y(mean.q3), y(mean.q1)], INNER),
          level(y(mean.median), across, { stroke: 'muted' }),
        ]),
      ]),
      group('image', [
        // Through what is not known: the line says the order of the layers, the points say the values.
        path(
          lineThrough(
            known.filter((at) => at < layers).length,
            (i) => x(known[i]!),
            (i) => y(line[known[i]!]!),
          ),
          { stroke: 'accent', thick: 2 },
        ),
        ...known.map((at) =>
          circle(x(at), y(line[at]!), at === focus ? 4 : 3, {
            fill: 'accent',
            ...(at === focus ? { stroke: 'ink', thick: 2 } : { stroke: 'panel' }),
          }),
        ),
      ]),
      group(
        'heads',
        dots.map((dot) =>
          circle(x(dot.layer), y(dot.value), dot.focus ? 3.5 : 2, {
            ...(dot.focus ? { fill: 'wrong', stroke: 'panel' } : { stroke: 'muted' }),
          }),
        ),
      ),
    ],
  };
}

const levelMarks = (found: Level, x: number, focus: boolean): Mark[] => [
  rect([x - 6.5, x + 6.5], [0, 13], {
    ...(found === 1 ? { fill: 'panel' } : { fill: 'accent', fillOpacity: 0.14 * (found - 1) }),
    ...(focus ? { stroke: 'ink', thick: 1.5 } : { stroke: 'line-strong' }),
    corner: 3,
    data: { level: found },
  }),
  text(x, 10.5, String(found), { anchor: 'middle', fill: 'ink' }),
];
