// A drawing as data: marks with their places in pixels and their colours by name. One description is drawn on the
// screen, on a canvas and into a file. Knows nothing about: what is drawn, the page, which theme is on.

import type { Paint } from './inks';

export interface Scene {
  readonly width: number;
  readonly height: number;
  /** What is drawn, in one sentence: a file carries it, and a reader is told it. */
  readonly title: string;
  readonly marks: readonly Mark[];
}

export interface Style {
  readonly fill?: Paint;
  readonly stroke?: Paint;
  /** Of the line, in pixels. */
  readonly thick?: number;
  /** As `stroke-dasharray`. */
  readonly dash?: string;
  readonly round?: boolean;
  /** Of the fill and of the line together, or of one of them. */
  readonly opacity?: number;
  readonly fillOpacity?: number;
  readonly strokeOpacity?: number;
}

interface Marked extends Style {
  /** Names and values of the mark, for whoever reads the drawing: `data-<name>` in the document. */
  readonly data?: Readonly<Record<string, string | number>>;
  /** Who the mark is when others come before it or go: the page's hands stay with it. */
  readonly key?: string;
  /** What a pointer that rests on the mark is told. */
  readonly title?: string;
}

export interface Path extends Marked {
  readonly kind: 'path';
  readonly d: string;
}
export interface Line extends Marked {
  readonly kind: 'line';
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
}
export interface Rect extends Marked {
  readonly kind: 'rect';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly corner?: number;
}
export interface Circle extends Marked {
  readonly kind: 'circle';
  readonly x: number;
  readonly y: number;
  readonly r: number;
}
/** `y` is the base line. The fill is muted unless another is given. */
export interface Text extends Marked {
  readonly kind: 'text';
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor?: 'middle' | 'end';
  readonly bold?: boolean;
  readonly size?: number;
  /** Reads upwards. */
  readonly upright?: boolean;
  /** A rim, by default in the ground's colour, so that it is read over other marks. */
  readonly rim?: Paint | true;
}
/**
 * Cells of one size as one picture, row by row: places on the colours for values, NaN = nothing is drawn. On the screen a
 * canvas shows them, in a file they are one lossless picture.
 */
export interface Raster extends Marked {
  readonly kind: 'raster';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly cols: number;
  readonly places: ArrayLike<number>;
  readonly signed: boolean;
}
/** A photograph. On the screen it is the page's; a file holds it where the address does. */
export interface Picture extends Marked {
  readonly kind: 'picture';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly href: string;
}
/**
 * Points of one shape, the later ones over the earlier; NaN = not drawn. On the screen a canvas shows them. In a file each
 * is an element, or, where they are more than `MOST_ELEMENTS` of svg.ts, all are one picture.
 */
export interface Points extends Marked {
  readonly kind: 'points';
  readonly shape: Shape;
  readonly r: number;
  readonly xs: ArrayLike<number>;
  readonly ys: ArrayLike<number>;
  /** The colour of each out of `paints`; without them all have the first. */
  readonly codes?: ArrayLike<number>;
  readonly paints: readonly Paint[];
}
export type Shape = 'disc' | 'ring' | 'cross' | 'square';
/** Marks that belong together, by a name that no other group of the scene has. */
export interface Group {
  readonly kind: 'group';
  readonly name: string;
  readonly marks: readonly Mark[];
}
export type Mark = Path | Line | Rect | Circle | Text | Raster | Picture | Points | Group;
/** What is an element of SVG by itself. */
export type Element = Exclude<Mark, Raster | Picture | Points | Group>;

type Rest<M extends Mark, K extends keyof M> = Omit<M, K | 'kind'>;

export const path = (d: string, rest: Rest<Path, 'd'>): Path => ({ kind: 'path', d, ...rest });
export const text = (x: number, y: number, words: string, rest: Rest<Text, 'x' | 'y' | 'text'> = {}): Text => ({
  kind: 'text',
  x,
  y,
  text: words,
  ...rest,
});
export const circle = (x: number, y: number, r: number, rest: Rest<Circle, 'x' | 'y' | 'r'>): Circle => ({
  kind: 'circle',
  x,
  y,
  r,
  ...rest,
});
/** A box between two corners, whichever way round they are. */
export const rect = (
  [x1, x2]: readonly [number, number],
  [y1, y2]: readonly [number, number],
  rest: Rest<Rect, 'x' | 'y' | 'width' | 'height'>,
): Rect => ({
  kind: 'rect',
  x: Math.min(x1, x2),
  y: Math.min(y1, y2),
  width: Math.abs(x2 - x1),
  height: Math.abs(y2 - y1),
  ...rest,
});
type LineRest = Rest<Line, 'x1' | 'x2' | 'y1' | 'y2'>;
/** A level line from left to right. */
export const level = (y: number, [x1, x2]: readonly [number, number], rest: LineRest): Line => ({
  kind: 'line',
  x1,
  x2,
  y1: y,
  y2: y,
  ...rest,
});
/** An upright line from top to bottom. */
export const upright = (x: number, [y1, y2]: readonly [number, number], rest: LineRest): Line => ({
  kind: 'line',
  x1: x,
  x2: x,
  y1,
  y2,
  ...rest,
});
export const group = (name: string, marks: readonly Mark[]): Group => ({ kind: 'group', name, marks });

/** Marks that are drawn only if there is something to draw. */
export const when = (there: unknown, marks: () => Mark[]): Mark[] => (there ? marks() : []);
