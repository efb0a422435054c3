// The gesture that draws an outline: a lasso, or a box while Shift is held. Less than a few pixels is a click.
import { unplaced, type Box, type Frame } from '../../../plot/marks/scatter';
import { lassoOf, LASSO_STEPS, type Lasso } from '../../../selection/scope';

type Pixel = readonly [x: number, y: number];
type Place = Box & { readonly frame: Frame };

const CLICK = 4;
const CORNERS = 3;

export class Outline {
  /** What is drawn so far; empty while the gesture may still be a click. */
  points = $state.raw<readonly Pixel[]>([]);
  #start: Pixel | null = null;
  readonly #place: () => Place;

  constructor(place: () => Place) {
    this.#place = place;
  }

  get begun(): boolean {
    return this.#start !== null;
  }

  begin(at: Pixel): void {
    this.#start = at;
    this.points = [];
  }

  /** Go on to a place; whether something is being drawn. */
  follow(at: Pixel, box: boolean): boolean {
    const start = this.#start;
    if (!start) return false;
    if (!this.points.length && Math.hypot(at[0] - start[0], at[1] - start[1]) < CLICK) return false;
    if (box) this.points = [start, [at[0], start[1]], at, [start[0], at[1]]];
    else this.points = [...(this.points.length ? this.points : [start]), at];
    return true;
  }

  /** The outline as a condition of the scope; null when it holds nothing, 'click' when nothing was drawn. */
  end(map: string): Lasso | 'click' | null {
    const drawn = this.points;
    this.cancel();
    if (!drawn.length) return 'click';
    const { frame, ...box } = this.#place();
    const lasso = lassoOf(
      map,
      drawn.map(([x, y]) => unplaced(x, y, box, frame)),
    );
    return lasso.points.length < CORNERS ? null : lasso;
  }

  cancel(): void {
    this.#start = null;
    this.points = [];
  }
}

/** The outline in force, in pixels. */
export function committed(lasso: Lasso, { width, height, frame }: Place): Pixel[] {
  const across = (share: number): number => frame.left + share * (width - frame.left - frame.right);
  const down = (share: number): number => frame.top + (1 - share) * (height - frame.top - frame.bottom);
  return lasso.points.map(([x, y]) => [across(x / LASSO_STEPS), down(y / LASSO_STEPS)]);
}
