// Points of a drawing: the nearest to a pointer, and the next one in a direction for the arrow keys.

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Place of the nearest point closer than `reach`; null when there is none. */
export function nearestPoint(points: readonly Point[], { x, y }: Point, reach: number): number | null {
  let [best, least]: [number | null, number] = [null, reach * reach];
  points.forEach((point, at) => {
    const away = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (away < least) [best, least] = [at, away];
  });
  return best;
}

/** Place of the nearest point to the right or below (-1: to the left or above); what is off the line counts twice. */
export function nextPoint(points: readonly Point[], from: Point, right: number, below: number): number | null {
  let [best, least]: [number | null, number] = [null, Infinity];
  points.forEach((point, at) => {
    const [dx, dy] = [point.x - from.x, point.y - from.y];
    const along = dx * right + dy * below;
    const away = along + 2 * Math.abs(dx * below + dy * right);
    if (along > 0.5 && away < least) [best, least] = [at, away];
  });
  return best;
}
