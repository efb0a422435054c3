// A set of images as the conditions they meet. Every condition holds; none at all is every image.
import type { ImageTable } from '../io/wire';
import type { HeadRef } from '../ground/head_ref';

export type Correctness = 'all' | 'right' | 'wrong';
export type Point = readonly [x: number, y: number];

/** An outline drawn on the map of images, in parts of the map's own box, so that it means the same at every size. */
export interface Lasso {
  /** Which map it was drawn on: see positions.ts. */
  readonly map: string;
  /** Corners, each coordinate a whole number in 0..LASSO_STEPS. */
  readonly points: readonly Point[];
}
export const LASSO_STEPS = 1295; // two digits of base 36

/** Images on which a head's effect lies between two values. */
export interface ValueRange {
  readonly metric: string;
  readonly mode: string;
  readonly head: HeadRef;
  readonly low: number;
  readonly high: number;
}

export interface Scope {
  /** Target classes, ascending; none = all. */
  readonly classes: readonly number[];
  readonly correct: Correctness;
  /** Least and largest probability of the predicted class. */
  readonly confidence: readonly [low: number, high: number] | null;
  /** One cell of the confusion matrix. */
  readonly pair: readonly [label: number, prediction: number] | null;
  readonly range: ValueRange | null;
  readonly lasso: Lasso | null;
}

export const EVERYTHING: Scope = {
  classes: [],
  correct: 'all',
  confidence: null,
  pair: null,
  range: null,
  lasso: null,
};

/** Numbers by which images are chosen that are not in the image table; null while they are on their way. */
export interface ScopeData {
  /** Positions [image, 2] of a map in its own box, each in 0..1; NaN = not on the map. */
  positions(map: string): Float32Array | null;
  /** Effects [image, layer, head] of a metric and mode. */
  values(metric: string, mode: string): Float32Array | null;
  /** Heads of the widest layer, and all head places. */
  readonly width: number;
  readonly cells: number;
}

export interface InScope {
  readonly rows: Int32Array;
  /** A condition could not be judged yet: its numbers are on their way. */
  readonly pending: boolean;
}

/** Rows of the images in scope that are done and readable, in their own order. */
export function rowsInScope(images: ImageTable, scope: Scope, data: ScopeData | null = null): InScope {
  const positions = scope.lasso && (data?.positions(scope.lasso.map) ?? null);
  const values = scope.range && (data?.values(scope.range.metric, scope.range.mode) ?? null);
  const pending = (scope.lasso !== null && !positions) || (scope.range !== null && !values);
  const classes = new Set(scope.classes);
  const rows: number[] = [];
  for (let row = 0; row < images.name.length; row++) {
    if (!images.done[row] || images.problem[row] !== null) continue;
    if (classes.size && !classes.has(images.target[row]!)) continue;
    if (scope.correct !== 'all' && images.correct[row] !== (scope.correct === 'right')) continue;
    if (scope.confidence && !between(images.probability[row] ?? NaN, ...scope.confidence)) continue;
    if (scope.pair && (images.label[row] !== scope.pair[0] || images.prediction[row] !== scope.pair[1])) continue;
    if (scope.range && values && !inRange(scope.range, values, row, data!)) continue;
    if (scope.lasso && positions && !inside(scope.lasso.points, positions[2 * row]!, positions[2 * row + 1]!)) continue;
    rows.push(row);
  }
  return { rows: Int32Array.from(rows), pending };
}

function inRange(range: ValueRange, values: Float32Array, row: number, data: ScopeData): boolean {
  return between(values[row * data.cells + range.head.layer * data.width + range.head.head]!, range.low, range.high);
}

const between = (value: number, low: number, high: number): boolean => value >= low && value <= high;

/** Whether a place (in parts of the box) lies inside an outline: even-odd rule. */
export function inside(points: readonly Point[], x: number, y: number): boolean {
  const [px, py] = [x * LASSO_STEPS, y * LASSO_STEPS];
  let within = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [ax, ay] = points[i]!;
    const [bx, by] = points[j]!;
    if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** An outline as state: whole steps, at most `most` corners, those kept that change its shape most evenly. */
export function lassoOf(map: string, drawn: readonly Point[], most = 48): Lasso {
  const step = Math.max(1, drawn.length / most);
  const points: Point[] = [];
  for (let at = 0; at < drawn.length; at += step) {
    const [x, y] = drawn[Math.floor(at)]!;
    const corner = [steps(x), steps(y)] as const;
    const last = points[points.length - 1];
    if (!last || last[0] !== corner[0] || last[1] !== corner[1]) points.push(corner);
  }
  return { map, points };
}

const steps = (share: number): number => Math.round(Math.max(0, Math.min(1, share)) * LASSO_STEPS);

/** Whether two scopes are the same; they are plain data. */
export const sameScope = (a: Scope, b: Scope): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
export const isEverything = (scope: Scope): boolean => sameScope(scope, EVERYTHING);

/** The scope with a class put in or taken out. */
export function toggledClass(scope: Scope, target: number): readonly number[] {
  const others = scope.classes.filter((other) => other !== target);
  return others.length < scope.classes.length ? others : [...others, target].sort((a, b) => a - b);
}
