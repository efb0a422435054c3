// The drawing of how alike any two heads are, like ones beside each other: groups framed, the layers along two edges.
import { tickNumber } from '../../../ground/numbers';
import { barOf, place, scaleFor } from '../../../plot/colour';
import { BLACK, WHITE, type Pair } from '../../../plot/inks';
import { BAR_HEIGHT, colourBar, legend } from '../../../plot/legend';
import { group, path, rect, text, when, type Mark, type Raster, type Scene } from '../../../plot/scene';
import { groupName, type Group as HeadGroup } from '../../../stats/head_groups';

export interface Board {
  /** Of the square, px. */
  readonly side: number;
  /** [head, head], and the heads in the order of the rows. */
  readonly similarity: Float32Array;
  readonly order: readonly number[];
  readonly layerOf: (head: number) => number;
  readonly layers: number;
  readonly groups: readonly HeadGroup[];
  /** The group that is looked at. */
  readonly shown: number | null;
  /** The row of the focus head; -1 = none. */
  readonly focus: number;
}
/** Of the edges that tell the layers. */
export const STRIP = 7;
export const SCALE = scaleFor([1], false, 'linear');
const SHOWN: Pair = { light: '#ff2d95', dark: '#ff2d95' };

/** Depth of a layer as a share of the ink, the first the darkest. */
export const depthOf = (layer: number, layers: number): number =>
  (85 - Math.round((75 * layer) / Math.max(1, layers - 1))) / 100;

/** Pairs whose similarity is not known have no colour. */
export function cells({ side, similarity, order }: Pick<Board, 'side' | 'similarity' | 'order'>): Raster {
  const n = order.length;
  const places = new Float32Array(n * n);
  order.forEach((one, y) =>
    order.forEach((other, x) => (places[y * n + x] = place(SCALE, similarity[one * n + other]!))),
  );
  return { kind: 'raster', x: STRIP, y: STRIP, width: side, height: side, cols: n, places, signed: false };
}

export function around({ side, order, layerOf, layers, groups, shown, focus }: Omit<Board, 'similarity'>): Mark[] {
  const cell = side / Math.max(1, order.length);
  const at = (row: number): number => STRIP + row * cell;
  return [
    group(
      'layers',
      Array.from({ length: layers }, (_, layer) => {
        const rows = order.flatMap((head, row) => (layerOf(head) === layer ? [at(row)] : []));
        const [long, short] = [cell.toFixed(2), STRIP - 2];
        const boxes = rows
          .map((from) => from.toFixed(2))
          .map((from) => `M${from} 0h${long}v${short}h-${long}zM0 ${from}h${short}v${long}h-${short}z`);
        return path(boxes.join(''), { fill: 'ink', fillOpacity: depthOf(layer, layers), data: { layer } });
      }),
    ),
    group(
      'groups',
      groups.flatMap(({ from, heads }, i) => {
        const ends = [at(from), at(from + heads.length)] as const;
        return [
          rect(ends, ends, { stroke: BLACK, thick: 3 }),
          rect(ends, ends, {
            ...(i === shown ? { stroke: SHOWN, thick: 2.2 } : { stroke: WHITE, thick: 1.2 }),
            data: { group: groupName(i) },
          }),
          ...when(ends[1] - ends[0] > 15, () => [
            text(ends[0] + 3, ends[0] + 11, groupName(i), { bold: true, fill: WHITE, rim: BLACK }),
          ]),
        ];
      }),
    ),
    ...when(focus >= 0, () => {
      const middle = at(focus + 0.5);
      const arrows = `M${STRIP - 1} ${middle - 4}l6 4l-6 4zM${middle - 4} ${STRIP - 1}l4 6l4 -6z`;
      return [path(arrows, { fill: 'ink', stroke: 'panel', thick: 0.7 })];
    }),
  ];
}

export interface Redundancy extends Board {
  /** What is alike, and over how many of what. */
  readonly caption: string;
  readonly of: string;
}
export function scene(props: Redundancy): Scene {
  const { side, caption, of, layers } = props;
  const bottom = STRIP + side + 10;
  return {
    width: STRIP + side + 2,
    height: bottom + BAR_HEIGHT + 20,
    title: `Similarity of heads, two by two: ${caption}, ${of}`,
    marks: [
      cells(props),
      ...around(props),
      colourBar(barOf(SCALE, `${caption}, ${of}`, tickNumber), STRIP, bottom, side),
      legend(
        [0, layers - 1].map((layer) => ({
          words: `edges: layer ${layer}`,
          mark: (x, y) => [rect([x - 4, x + 4], [y - 4, y + 4], { fill: 'ink', fillOpacity: depthOf(layer, layers) })],
        })),
        STRIP,
        bottom + BAR_HEIGHT + 14,
      ),
    ],
  };
}
