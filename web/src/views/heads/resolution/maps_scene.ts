// The drawing of where a token looks at each input size: a row a head, a column a size. Sizes share a head's scale; heads
// do not, or one with a sink would leave the others dark: each row says where its colours end.
import { sharedTop } from '../../../attention/resolution';
import { number } from '../../../ground/numbers';
import type { Bar } from '../../../plot/colour';
import { BAR_HEIGHT, colourBar } from '../../../plot/legend';
import { group, text, type Raster, type Scene } from '../../../plot/scene';
import { AXIS_HEIGHT, sizeAxis, type SizeName } from './sizes_scene';

export interface SizedMap {
  readonly rows: number;
  readonly cols: number;
  /** In multiples of uniform attention; null while it is on its way, or where there is none. */
  readonly values: Float32Array | null;
}
export interface MapRow {
  /** Of the head. */
  readonly name: string;
  readonly maps: readonly SizedMap[];
}
export interface SizedMaps {
  readonly width: number;
  /** Of the longer side of a map, px. */
  readonly side: number;
  /** Middle of a size's column. */
  readonly x: (at: number) => number;
  readonly rows: readonly MapRow[];
  /** What the maps show, for the caption. */
  readonly mapsOf: string;
  /** Whether the heads are named in front of their rows. */
  readonly named: boolean;
}

const GAP = 6;

/** The value at the end of a row's colours. */
export const topOf = (row: MapRow): number => sharedTop(row.maps.map((map) => map.values));
/** Where a row begins. */
export const rowAt = (side: number, row: number): number => row * (side + GAP);
export const heightOf = (side: number, rows: number): number => rowAt(side, rows) - GAP;

export const cellsOf = ({ rows, side, x }: Pick<SizedMaps, 'rows' | 'side' | 'x'>): Raster[] =>
  rows.flatMap((row, at) => {
    const top = topOf(row);
    return row.maps.flatMap(({ rows: down, cols, values }, i) => {
      if (!values) return [];
      const scale = side / Math.max(down, cols);
      const [width, height] = [cols * scale, down * scale];
      return {
        kind: 'raster' as const,
        x: x(i) - width / 2,
        y: rowAt(side, at) + (side - height) / 2,
        width,
        height,
        cols,
        places: values.map((value) => value / top),
        signed: false,
      };
    });
  });

export function barOfMaps({ rows, mapsOf, named }: Pick<SizedMaps, 'rows' | 'mapsOf' | 'named'>): Bar {
  const top = rows[0] ? topOf(rows[0]) : 1;
  const one = rows.length === 1;
  return {
    caption: `${named ? '' : `${rows[0]?.name ?? ''} `}${mapsOf}; × uniform, 1/tokens`,
    ticks: [
      { at: 0, text: '0' },
      { at: 1, text: one ? `${number(top)} ×` : 'largest of the row' },
    ],
    marks: one ? [{ at: 1 / top, text: 'uniform attention, 1 ×' }] : [],
  };
}

export function scene(props: SizedMaps & { readonly sizes: readonly SizeName[] }): Scene {
  const { width, side, x, rows, named, sizes } = props;
  const bottom = heightOf(side, rows.length) + GAP;
  const bar = barOfMaps(props);
  return {
    width,
    height: bottom + AXIS_HEIGHT + BAR_HEIGHT + 4,
    title: `${bar.caption}, by input size`,
    marks: [
      group('maps', cellsOf(props)),
      group(
        'names',
        rows.flatMap((row, at) => {
          const middle = rowAt(side, at) + side / 2;
          return named
            ? [
                text(0, middle - 2, row.name, { bold: true, fill: 'ink' }),
                text(0, middle + 11, `to ${number(topOf(row))} ×`),
              ]
            : [];
        }),
      ),
      sizeAxis(sizes, x, bottom),
      colourBar(bar, 0, bottom + AXIS_HEIGHT, width),
    ],
  };
}
