// Geometry of the map of images: from parts of the box to pixels, which pictures fit, and where an arrow key leads.

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}
export interface Box {
  readonly width: number;
  readonly height: number;
}
/** Pixels of every image; NaN where it is not on the map. */
export interface Placed {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Positions [image, 2] in parts of the box, y upwards, as pixels inside the frame, y downwards. */
export function placed(positions: Float32Array, box: Box, frame: Frame): Placed {
  const n = positions.length / 2;
  const [x, y] = [new Float32Array(n), new Float32Array(n)];
  const [width, height] = inner(box, frame);
  for (let row = 0; row < n; row++) {
    x[row] = frame.left + positions[2 * row]! * width;
    y[row] = frame.top + (1 - positions[2 * row + 1]!) * height;
  }
  return { x, y };
}

/** Pixels back to parts of the box; may lie outside it. */
export function unplaced(x: number, y: number, box: Box, frame: Frame): readonly [x: number, y: number] {
  const [width, height] = inner(box, frame);
  return [(x - frame.left) / width, 1 - (y - frame.top) / height];
}

/** Width and height inside the frame. */
export const inner = (box: Box, frame: Frame): readonly [number, number] => [
  Math.max(1, box.width - frame.left - frame.right),
  Math.max(1, box.height - frame.top - frame.bottom),
];

/**
 * Rows whose squares of `size` pixels can be drawn without any two overlapping, in the order given: the first of a
 * crowd stays. Every square is compared with those in the cells around its own only.
 */
export function thinned({ x, y }: Placed, rows: Iterable<number>, size: number, most: number): number[] {
  const cells = new Map<string, number[]>();
  const kept: number[] = [];
  for (const row of rows) {
    if (kept.length === most) break;
    const [px, py] = [x[row]!, y[row]!];
    if (px !== px || py !== py) continue;
    const [col, line] = [Math.floor(px / size), Math.floor(py / size)];
    const overlaps = (other: number): boolean => Math.abs(x[other]! - px) < size && Math.abs(y[other]! - py) < size;
    let free = true;
    for (let at = 0; at < 9 && free; at++) {
      free = !cells.get(`${col - 1 + (at % 3)}/${line - 1 + Math.floor(at / 3)}`)?.some(overlaps);
    }
    if (!free) continue;
    kept.push(row);
    const key = `${col}/${line}`;
    cells.set(key, [...(cells.get(key) ?? []), row]);
  }
  return kept;
}

const ARROWS: Record<string, readonly [dx: number, dy: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * The nearest row in the direction of an arrow key: within 45 degrees of it, else on that side at all; null when the
 * key is no arrow or nothing lies there.
 */
export function towards({ x, y }: Placed, rows: Int32Array, from: number, key: string): number | null {
  const arrow = ARROWS[key];
  if (!arrow) return null;
  let [best, least, inCone] = [null as number | null, Infinity, false];
  for (const row of rows) {
    const [dx, dy] = [x[row]! - x[from]!, y[row]! - y[from]!];
    const along = dx * arrow[0] + dy * arrow[1];
    const across = Math.abs(dx * arrow[1] + dy * arrow[0]);
    if (!(along > 0)) continue;
    const cone = across <= along;
    const distance = Math.hypot(along, across);
    if (cone === inCone ? distance >= least : inCone) continue;
    [best, least, inCone] = [row, distance, cone];
  }
  return best;
}

/** The shade of each value among `shades` along a scale given as places in [0, 1]; without a value, the one after the last. */
export function shadesOf(values: Float32Array, place: (value: number) => number, shades: number): Uint8Array {
  return Uint8Array.from(values, (value) =>
    value === value ? Math.min(shades - 1, Math.floor(place(value) * shades)) : shades,
  );
}
