// What is drawn over the cells of the hub. An inner square, the larger the more alike the images are; one image's values,
// a dot in each cell's corner in the colour of its value, ringed twice where it leaves the interquartile range of the images in
// scope.
import type { Scale } from '../../../plot/colour';
import { BLACK, inkOf, WHITE } from '../../../plot/inks';
import type { CellSize } from '../../../plot/layout';
import { circle, rect, type Circle, type Rect } from '../../../plot/scene';

export interface HubMarks {
  /** Heads of each layer from left to right. */
  readonly rows: readonly (readonly number[])[];
  readonly width: number;
  readonly size: CellSize;
  /** Where it is not finite there is nothing to mark. */
  readonly fill: ArrayLike<number>;
  readonly scale: Scale;
  readonly consistency: ArrayLike<number> | null;
  readonly image: { readonly values: ArrayLike<number>; readonly marked: ReadonlySet<number> } | null;
}

/** The marks from the upper left corner of the first cell. */
export function hubMarks({ rows, width, size, fill, scale, consistency, image }: HubMarks): (Rect | Circle)[] {
  const radius = Math.max(2, Math.min(4, Math.min(size.width, size.height) / 6));
  return rows.flatMap((row, layer) =>
    row.flatMap((head, column) => {
      const index = layer * width + head;
      if (!Number.isFinite(fill[index])) return [];
      const over = { over: inkOf(scale, fill[index]!) };
      const [left, top] = [column * size.width, layer * size.height];
      const marks: (Rect | Circle)[] = [];
      const alike = consistency?.[index] ?? 0;
      if (alike > 0) {
        const side = innerSquare(alike, size);
        const ends = (start: number, room: number): [number, number] => {
          const from = Math.floor(start + (room - side) / 2) + 0.5;
          return [from, from + side - 1];
        };
        marks.push(rect(ends(left, size.width), ends(top, size.height), { stroke: over, opacity: 0.55 }));
      }
      const value = image?.values[index];
      if (value === undefined || !Number.isFinite(value)) return marks;
      const disc = (more: number, fill: Circle['fill'] & object): void => {
        marks.push(circle(left + size.width - radius - 3.5, top + size.height - radius - 3.5, radius + more, { fill }));
      };
      if (image!.marked.has(index)) {
        disc(2.5, BLACK);
        disc(1.5, WHITE);
      } else disc(0.75, over);
      disc(0, inkOf(scale, value));
      return marks;
    }),
  );
}

/** Side of the inner square: a share of the cell's shorter side; `share` is more than 0. */
function innerSquare(share: number, { width, height }: CellSize): number {
  return Math.max(2, Math.round(share * (Math.min(width, height) - 9)));
}
