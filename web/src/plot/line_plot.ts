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
  /** Of each step, as it is written in a path. */
  readonly #across: readonly string[];

  constructor(frame: Frame, steps: number, axis: Axis) {
    [this.frame, this.steps, this.axis] = [frame, steps, axis];
    this.#across = Array.from({ length: steps }, (_, at) => this.x(at).toFixed(1));
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
  line(value: (at: number) => number): string {
    let path = '';
    let gap = true;
    for (let at = 0; at < this.steps; at++) {
      const found = value(at);
      if (!Number.isFinite(found)) {
        gap = true;
        continue;
      }
      path += `${gap ? 'M' : 'L'}${this.#across[at]} ${this.y(found).toFixed(1)}`;
      gap = false;
    }
    return path;
  }

  /** The area between two lines, over the steps that have both. */
  area(low: (at: number) => number, high: (at: number) => number): string {
    const known = Array.from({ length: this.steps }, (_, at) => at).filter(
      (at) => Number.isFinite(low(at)) && Number.isFinite(high(at)),
    );
    if (!known.length) return '';
    const point = (at: number, value: number): string => `${this.x(at).toFixed(1)} ${this.y(value).toFixed(1)}`;
    const there = known.map((at) => point(at, high(at)));
    const back = known.reverse().map((at) => point(at, low(at)));
    return `M${[...there, ...back].join('L')}Z`;
  }

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

/** Dots as one path: with round caps every zero-length piece is a dot. */
export const dots = (points: readonly (readonly [x: number, y: number])[]): string =>
  points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join('');
