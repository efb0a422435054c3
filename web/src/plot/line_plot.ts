// Where the curves run on the screen, and which of them is nearest to a pointer.
import { placeOn, valueAt, type Axis } from './axis';

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export class Plot {
  readonly frame: Frame;
  /** Steps on the x axis: hops or layers. */
  readonly steps: number;
  readonly axis: Axis;

  constructor(frame: Frame, steps: number, axis: Axis) {
    [this.frame, this.steps, this.axis] = [frame, steps, axis];
  }

  get step(): number {
    return (this.frame.right - this.frame.left) / Math.max(this.steps - 1, 1);
  }
  x = (at: number): number =>
    this.steps > 1 ? this.frame.left + at * this.step : (this.frame.left + this.frame.right) / 2;
  y = (value: number): number => this.frame.bottom - placeOn(this.axis, value) * (this.frame.bottom - this.frame.top);
  /** Steps that have `room` pixels for a name. */
  named(room: number): number[] {
    const every = Math.max(1, Math.ceil(room / Math.max(this.step, 1)));
    return Array.from({ length: Math.ceil(this.steps / every) }, (_, i) => i * every);
  }
  /** The step nearest to a place. */
  stepAt = (x: number): number => Math.max(0, Math.min(this.steps - 1, Math.round((x - this.frame.left) / this.step)));
  valueAt = (y: number): number => {
    const { top, bottom } = this.frame;
    return valueAt(this.axis, Math.max(0, Math.min(1, (bottom - y) / (bottom - top))));
  };

  /** A line through a head's values at all steps; gaps where there are none. */
  line = (value: (at: number) => number): string => lineThrough(this.steps, this.x, (at) => this.#known(value(at)));
  /** The area between two lines, over the steps that have both. */
  area = (low: (at: number) => number, high: (at: number) => number): string =>
    areaBetween(
      this.steps,
      this.x,
      (at) => this.#known(low(at)),
      (at) => this.#known(high(at)),
    );
  /** An infinite value has no place: it is not at the end of the axis. */
  #known = (value: number): number => (Number.isFinite(value) ? this.y(value) : NaN);

  /** The curve nearest to a point, within `reach` pixels; `favour` wins over the others by three. */
  nearest(
    x: number,
    y: number,
    heads: readonly number[],
    value: (index: number, at: number) => number,
    favour: ReadonlySet<number>,
    reach = 12,
  ): number | null {
    const exact = Math.max(0, Math.min(this.steps - 1, (x - this.frame.left) / this.step));
    const at = Math.min(Math.floor(exact), Math.max(this.steps - 2, 0));
    const part = exact - at;
    let best: number | null = null;
    let least = reach;
    for (const index of heads) {
      const from = this.y(value(index, at));
      const to = this.steps > 1 ? this.y(value(index, at + 1)) : from;
      const distance = Math.abs(from + (to - from) * part - y) - (favour.has(index) ? 3 : 0);
      if (distance < least) [best, least] = [index, distance];
    }
    return best;
  }
}

type Place = (at: number) => number;

/** Places in a path to the tenth of a pixel: more is not seen. */
const tenth = (place: number): number => Math.round(place * 10) / 10;

/** A line through `n` points; a gap where one is not finite. */
export function lineThrough(n: number, x: Place, y: Place): string {
  let path = '';
  let gap = true;
  for (let at = 0; at < n; at++) {
    const height = y(at);
    if (Number.isFinite(height)) path += `${gap ? 'M' : 'L'}${tenth(x(at))} ${tenth(height)}`;
    gap = !Number.isFinite(height);
  }
  return path;
}

/** The area between two lines, over the points that have both. */
export function areaBetween(n: number, x: Place, low: Place, high: Place): string {
  const known = Array.from({ length: n }, (_, at) => at).filter(
    (at) => Number.isFinite(low(at)) && Number.isFinite(high(at)),
  );
  if (!known.length) return '';
  const along = (of: readonly number[], y: Place): string[] => of.map((at) => `${tenth(x(at))} ${tenth(y(at))}`);
  return `M${[...along(known, high), ...along(known.toReversed(), low)].join('L')}Z`;
}

/** Dots as one path: with round caps every zero-length piece is a dot. */
export const dots = (points: readonly (readonly [x: number, y: number])[]): string =>
  points.map(([x, y]) => `M${tenth(x)} ${tenth(y)}h0`).join('');
