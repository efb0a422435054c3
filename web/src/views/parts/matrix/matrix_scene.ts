// The drawing of a number a head, layers x heads: what HeadMatrix shows as cells that can be pointed at.
import { headName } from '../../../ground/run';
import type { HeadRef } from '../../../ground/head_ref';
import { number, tickNumber } from '../../../ground/numbers';
import { barOf } from '../../../plot/colour';
import { BLACK, inkOf, WHITE } from '../../../plot/inks';
import { BAR_HEIGHT, colourBar, hatch, legend, legendHeight, type LegendEntry } from '../../../plot/legend';
import { circle, group, path, rect, text, when, type Mark, type Scene } from '../../../plot/scene';
import { hubMarks, type HubMarks } from './hub_marks';

export interface Matrix extends HubMarks {
  /** What the matrix shows. */
  readonly title: string;
  /** What its colours are: the quantity, its unit, of how many images. */
  readonly caption: string;
  /** Whether the heads of a layer stand in the order of their values: each is then named in its cell. */
  readonly ordered: boolean;
  readonly focus: HeadRef | null;
  /** The head set in its order, and the heads pruned in the Lab. */
  readonly set: readonly HeadRef[];
  readonly pruned: readonly HeadRef[];
  /** Of the image whose values are the dots. */
  readonly imageName?: string;
  /** A number at the end of each row, and what it is. */
  readonly totals?: { readonly name: string; readonly values: ArrayLike<number> } | undefined;
}

const [LEFT, TOP, END, GAP] = [40, 40, 78, 12];
const LEAST_BAR = 240;

export function scene(props: Matrix): Scene {
  const { rows, width, size, fill, scale, title, caption, ordered, focus, set, pruned, totals } = props;
  const across = width * size.width;
  const bottom = TOP + rows.length * size.height;
  const cells = rows.flatMap((row, layer) => row.map((head, column) => ({ layer, head, column })));
  const box = (cell: { readonly layer: number; readonly column: number }, inset = 0) =>
    [
      [LEFT + cell.column * size.width + inset, LEFT + (cell.column + 1) * size.width - inset],
      [TOP + cell.layer * size.height + inset, TOP + (cell.layer + 1) * size.height - inset],
    ] as const;
  const hatched = (cell: (typeof cells)[number]): string => {
    const [[left], [top]] = box(cell);
    return hatch(left, top, size.width, size.height);
  };
  const of = (heads: readonly HeadRef[]): typeof cells =>
    heads.flatMap((ref) => cells.filter(({ layer, head }) => layer === ref.layer && head === ref.head));
  const known = (cell: (typeof cells)[number]): boolean => Number.isFinite(fill[cell.layer * width + cell.head]);
  const inCell = (cell: (typeof cells)[number]): Mark => {
    const value = fill[cell.layer * width + cell.head]!;
    return rect(...box(cell), {
      fill: inkOf(scale, value),
      data: { head: `${cell.layer}.${cell.head}`, value },
      title: `${headName(cell)}: ${number(value)}`,
    });
  };
  const entry = (there: unknown, words: string, mark: LegendEntry['mark']): LegendEntry[] =>
    there ? [{ words, mark }] : [];
  const around = (x: number, y: number, half: number) =>
    [
      [x - half, x + half],
      [y - half, y + half],
    ] as const;
  const entries = [
    ...entry(props.consistency, 'larger = more alike over images', (x, y) => [
      rect(...around(x, y, 4.5), { stroke: 'muted' }),
    ]),
    ...entry(props.image, props.imageName ?? 'one image', (x, y) => [circle(x, y, 4, { stroke: 'muted' })]),
    ...entry(props.image, 'outside its IQR', (x, y) => [
      circle(x, y, 5, { fill: BLACK }),
      circle(x, y, 4, { fill: WHITE }),
      circle(x, y, 2.5, { fill: 'muted' }),
    ]),
    ...entry(pruned.length, 'pruned', (x, y) => [
      path(hatch(x - 5, y - 5, 10, 10, 4), { stroke: 'muted', thick: 1.5 }),
    ]),
  ];
  const middle = (layer: number): number => TOP + (layer + 0.5) * size.height + 4;
  const right = LEFT + Math.max(across + (totals ? END : 0), LEAST_BAR) + GAP;
  return {
    width: right,
    height: bottom + GAP + BAR_HEIGHT + 4 + legendHeight(entries, LEFT, right),
    title,
    marks: [
      group('axis titles', [
        text(LEFT, 12, ordered ? 'heads by value →' : 'head →'),
        text(11, TOP, 'layer', { upright: true, anchor: 'end' }),
      ]),
      group(
        'heads',
        Array.from({ length: width }, (_, column) =>
          text(LEFT + (column + 0.5) * size.width, TOP - 5, ordered ? String(column + 1) : `H${column}`, {
            anchor: 'middle',
          }),
        ),
      ),
      group(
        'layers',
        rows.map((_, layer) => text(LEFT - 5, middle(layer), `L${layer}`, { anchor: 'end' })),
      ),
      group('cells', cells.filter(known).map(inCell)),
      group(
        'not computed',
        cells.filter((cell) => !known(cell)).map((cell) => path(hatched(cell), { stroke: 'line' })),
      ),
      group(
        'pruned',
        of(pruned).flatMap((cell) => [
          path(hatched(cell), { stroke: BLACK, thick: 3, opacity: 0.5 }),
          path(hatched(cell), { stroke: WHITE, thick: 1.5 }),
        ]),
      ),
      group(
        'marks',
        hubMarks(props).map((mark) => ({ ...mark, x: mark.x + LEFT, y: mark.y + TOP })),
      ),
      ...when(ordered, () => [
        group(
          'names in cells',
          cells.filter(known).map((cell) => {
            const [[left], [top]] = box(cell);
            const over = inkOf(scale, fill[cell.layer * width + cell.head]!);
            return text(left + 3, top + 9, String(cell.head), { size: 9, fill: { over } });
          }),
        ),
      ]),
      group(
        'head set',
        of(set).flatMap((cell, at) => [
          rect(...box(cell, 0.5), { stroke: WHITE }),
          rect(...box(cell, 2), { stroke: { head: at }, thick: 2, data: { set: headName(cell) } }),
          rect(...box(cell, 3.5), { stroke: WHITE }),
        ]),
      ),
      ...when(focus, () => [
        group(
          'focus',
          of([focus!]).flatMap((cell) => [
            rect(...box(cell, -1), { stroke: WHITE, thick: 4 }),
            rect(...box(cell, -1), { stroke: BLACK, thick: 2, data: { focus: headName(cell) } }),
          ]),
        ),
      ]),
      ...when(totals, () => [
        group('totals', [
          text(LEFT + across + 8, TOP - 5, totals!.name),
          ...rows.map((_, layer) =>
            text(LEFT + across + 8, middle(layer), number(totals!.values[layer]), { fill: 'ink' }),
          ),
        ]),
      ]),
      colourBar(barOf(scale, caption, tickNumber), LEFT, bottom + GAP, Math.max(across, LEAST_BAR)),
      ...when(entries.length, () => [legend(entries, LEFT, bottom + GAP + BAR_HEIGHT + 16, right)]),
    ],
  };
}
