// The drawing of the map of images: a mark an image by right and wrong, in the colours of a number or of patterns. Small
// pictures are of the screen alone: here every image is a mark.
import { count } from '../../../ground/numbers';
import { axisTitles } from '../../../plot/axes';
import type { Bar } from '../../../plot/colour';
import { BLACK, WHITE, type Pair, type Paint } from '../../../plot/inks';
import { BAR_HEIGHT, colourBar, legend, legendHeight, type LegendEntry } from '../../../plot/legend';
import type { Box, Frame, Placed } from '../../../plot/marks/scatter';
import { circle, group, path, when, type Points, type Scene, type Shape } from '../../../plot/scene';
import { CROWD, CROWD_RADIUS, INKS, OUT_RADIUS, RADIUS, type Inks } from './image_paint';
import { mapAxes, type MapAxis } from './map_axes';

export interface ImageMapDrawing extends Box {
  readonly title: string;
  readonly frame: Frame;
  readonly placed: Placed;
  /** Images in scope, and the others. */
  readonly rows: ArrayLike<number>;
  readonly out: ArrayLike<number>;
  readonly correct: readonly (boolean | null)[];
  /** A colour of each image; without them right and wrong have theirs. */
  readonly colouring: { readonly codes: ArrayLike<number>; readonly paints: readonly Paint[] } | null;
  /** What the colours are: the bar of a number, or patterns by name. */
  readonly bar: Bar | null;
  readonly entries: readonly { readonly name: string; readonly paint: Paint }[];
  readonly axes:
    readonly [across: MapAxis & { readonly title: string }, up: MapAxis & { readonly title: string }] | null;
  readonly focus: number | null;
  /** The outline of the scope, px. */
  readonly outline: readonly (readonly [x: number, y: number])[];
}

const inkOf = (name: keyof Inks): Pair => ({ light: INKS.light[name], dark: INKS.dark[name] });
const KINDS = [
  { name: 'right', is: true, shape: 'disc' },
  { name: 'neither', is: null, shape: 'ring' },
  { name: 'wrong', is: false, shape: 'cross' },
] as const;

export function scene(props: ImageMapDrawing): Scene {
  const { width, height, title, frame, placed, rows, out, correct, colouring, bar, entries, axes, focus, outline } =
    props;
  const r = rows.length > CROWD ? CROWD_RADIUS : RADIUS;
  const marksOf = (list: ArrayLike<number>, shape: Shape, r: number, own: Paint, coded = colouring): Points => {
    const of = (values: ArrayLike<number>): number[] => Array.from(list, (row) => values[row]!);
    return {
      kind: 'points',
      shape,
      r,
      xs: of(placed.x),
      ys: of(placed.y),
      ...(coded ? { codes: of(coded.codes), paints: coded.paints } : { paints: [own] }),
    };
  };
  const kinds = KINDS.map(({ name, is, shape }) => ({
    name,
    shape,
    rows: Array.from(rows).filter((row) => correct[row] === is),
  })).filter(({ rows }) => rows.length);
  const mark =
    (shape: Shape, paint: Paint): LegendEntry['mark'] =>
    (x, y) => [{ kind: 'points', shape, r: 4, xs: [x], ys: [y], paints: [paint] }];
  const keys: LegendEntry[] = [
    ...kinds.map(({ name, shape, rows }) => ({
      words: `${name === 'neither' ? 'no label' : name} ${count(rows.length)}`,
      mark: mark(shape, colouring ? 'muted' : inkOf(name)),
    })),
    ...entries.map(({ name, paint }) => ({ words: name, mark: mark('disc', paint) })),
  ];
  const below = height + (bar ? BAR_HEIGHT + 8 : 0);
  return {
    width,
    height: below + 6 + legendHeight(keys, 8, width),
    title: `${title}, n = ${count(rows.length)} images`,
    marks: [
      ...when(axes, () => [
        ...mapAxes({ width, height }, frame, ...axes!),
        axisTitles(
          { left: frame.left, right: width - frame.right, top: frame.top, bottom: height },
          height,
          axes![0].title,
          axes![1].title,
        ),
      ]),
      group('outside the scope', [marksOf(out, 'disc', OUT_RADIUS, inkOf('out'), null)]),
      ...kinds.map(({ name, shape, rows }) =>
        group(name, [marksOf(rows, colouring && shape === 'ring' ? 'disc' : shape, r, inkOf(name))]),
      ),
      ...when(outline.length > 1, () => [
        group('outline', [
          path(`M${outline.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}Z`, {
            fill: 'ink',
            fillOpacity: 0.06,
            stroke: 'ink',
            thick: 1.3,
            dash: '4 3',
          }),
        ]),
      ]),
      ...when(focus !== null && placed.x[focus]! === placed.x[focus]!, () => [
        group('focus image', [
          circle(placed.x[focus!]!, placed.y[focus!]!, RADIUS + 4, { stroke: WHITE, thick: 6 }),
          circle(placed.x[focus!]!, placed.y[focus!]!, RADIUS + 4, {
            stroke: BLACK,
            thick: 2.2,
            data: { image: focus! },
            title: `image #${focus!}`,
          }),
        ]),
      ]),
      ...when(bar, () => [colourBar(bar!, 8, height + 4, Math.min(width - 16, 320))]),
      legend(keys, 8, below + 15, width),
    ],
  };
}
