// The drawing of quantities over input sizes: a row a quantity, a column a size, the sizes and their tokens below.
import { ticks } from 'd3-array';
import { count } from '../../../ground/numbers';
import { valueAxis } from '../../../plot/axes';
import type { Paint } from '../../../plot/inks';
import { lineThrough } from '../../../plot/line_plot';
import { circle, group, level, path, text, upright, type Group, type Mark, type Scene } from '../../../plot/scene';
import type { Estimate } from '../../../stats/proportion';

export interface Line {
  readonly name: string;
  readonly paint: Paint;
  readonly dash: string;
  /** Of each size. */
  readonly points: readonly Estimate[];
}
export interface Row {
  readonly title: string;
  readonly lines: readonly Line[];
  /** End of the axis; by default the largest value. */
  readonly most?: number;
  readonly format: (value: number) => string;
}

export interface SizeName {
  readonly name: string;
  readonly tokens: number;
  /** Its position embedding is. */
  readonly interpolated: boolean;
}
export interface Sizes {
  readonly width: number;
  readonly rowHeight: number;
  readonly rows: readonly Row[];
  readonly sizes: readonly SizeName[];
}

/** Room for the values' axis. */
export const LEFT = 38;
export const AXIS_HEIGHT = 30;
const [ABOVE, BELOW, LETTER] = [21, 5, 6.2];

/** Middle of a size's column. */
export const columnAt = ({ width, sizes }: Pick<Sizes, 'width' | 'sizes'>, at: number): number =>
  LEFT + (at + 0.5) * ((width - LEFT) / sizes.length);

/** The names of the lines at the right of the title, each after a piece of its line. */
function keyOf({ lines }: Row, width: number, top: number): Mark[] {
  let right = width;
  return lines.toReversed().flatMap(({ name, paint, dash }) => {
    const end = right;
    right -= name.length * LETTER + 32;
    return [
      level(top + 6, [right + 10, right + 28], { stroke: paint, thick: 1.6, dash }),
      text(end, top + 10, name, { anchor: 'end', fill: 'ink' }),
    ];
  });
}

function rowMarks(row: Row, props: Sizes, top: number): Mark[] {
  const { title, lines, most, format } = row;
  const { width, rowHeight, sizes } = props;
  const known = lines
    .flatMap((line) => line.points.flatMap(({ value, high }) => [value, high]))
    .filter(Number.isFinite);
  const high = (most ?? Math.max(...known, 0) * 1.05) || 1;
  const n = sizes.length;
  const x = (at: number): number => columnAt(props, at);
  const y = (value: number): number => top + ABOVE + (1 - value / high) * (rowHeight - ABOVE - BELOW);
  const plain = (value: number): string => format(value).replace(/\.0+(?= %|$)/, '');
  return [
    text(0, top + 10, title),
    ...keyOf(row, width, top),
    ...valueAxis({ left: LEFT, right: width }, y, ticks(0, high, rowHeight > 60 ? 3 : 2), plain).marks,
    ...lines.flatMap(({ paint, dash, points }, k) => [
      ...points.flatMap((point, at) =>
        Number.isFinite(point.low)
          ? [upright(x(at) + 3 * k - 1.5, [y(point.low), y(point.high)], { stroke: paint, thick: 1.6 })]
          : [],
      ),
      path(
        lineThrough(n, x, (at) => y(points[at]!.value)),
        { stroke: paint, thick: 1.6, dash },
      ),
      ...points.flatMap(({ value }, at) =>
        Number.isFinite(value) ? [circle(x(at), y(value), 2.4, { fill: paint, stroke: 'panel' })] : [],
      ),
    ]),
  ];
}

/** The sizes in pixels and tokens, below their columns. */
export const sizeAxis = (sizes: readonly SizeName[], x: (at: number) => number, top = 0): Group =>
  group('size axis', [
    text(0, top + 11, 'px'),
    text(0, top + 25, 'tokens'),
    ...sizes.flatMap(({ name, tokens, interpolated }, at) => [
      text(x(at), top + 11, name, { anchor: 'middle', bold: true, fill: 'ink' }),
      text(x(at), top + 25, `${count(tokens)}${interpolated ? '*' : ''}`, { anchor: 'middle' }),
    ]),
  ]);

/** The rows alone; on the page the sizes may stand below what else has their columns. */
export const rowsScene = (props: Sizes): Scene => ({
  width: props.width,
  height: props.rows.length * props.rowHeight,
  title: `${props.rows.map(({ title }) => title).join('; ')}, by input size`,
  marks: props.rows.map((row, at) => group(row.title, rowMarks(row, props, at * props.rowHeight))),
});

export function scene(props: Sizes): Scene {
  const rows = rowsScene(props);
  const axis = sizeAxis(props.sizes, (at) => columnAt(props, at), rows.height);
  return { ...rows, height: rows.height + AXIS_HEIGHT, marks: [...rows.marks, axis] };
}
