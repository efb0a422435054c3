// The colours that drawings are made of, by name: a drawing does not know the theme, whoever draws it does. The names are
// those of app/style.css; a test holds the two to each other.

import { colourAt, css, HEAD_COLOURS, inkOn, place, type Scale, type Theme } from './colour';

const INKS = {
  panel: ['#ffffff', '#14171c'],
  line: ['#dbe0e6', '#2a3038'],
  'line-strong': ['#7e8894', '#6d7884'],
  ink: ['#14171c', '#e8ebef'],
  muted: ['#55606c', '#a1abb6'],
  accent: ['#0072b2', '#6cb4e4'],
  'accent-soft': ['#e3f0f8', '#16303f'],
  wrong: ['#b34700', '#f08a4b'],
} as const;

export type Ink = keyof typeof INKS;
/** A head of the set by its place in it. */
export interface HeadInk {
  readonly head: number;
}
/** A place in [0, 1] on the colours for unsigned or signed values. */
export interface MapInk {
  readonly place: number;
  readonly signed: boolean;
}
/** The colour of a value. */
export const inkOf = (scale: Scale, value: number): MapInk => ({ place: place(scale, value), signed: scale.signed });
/** Black or white, whichever is read on a place of those colours. */
export interface InkOver {
  readonly over: MapInk;
}
/** A colour of its own in each theme. */
export type Pair = Readonly<Record<Theme, string>>;
export type Paint = Ink | HeadInk | MapInk | InkOver | Pair | 'none';

/** On a heat map nothing else is seen in both themes. */
export const BLACK: Pair = { light: '#000', dark: '#000' };
export const WHITE: Pair = { light: '#fff', dark: '#fff' };

export const INK_NAMES = Object.keys(INKS) as readonly Ink[];

/** The colour of a paint as CSS, a canvas and a file take it. */
export function colourOf(paint: Paint, theme: Theme): string {
  if (paint === 'none') return paint;
  if (typeof paint === 'string') return INKS[paint][theme === 'light' ? 0 : 1];
  if ('head' in paint) return HEAD_COLOURS[theme][paint.head] ?? colourOf('ink', theme);
  if ('light' in paint) return paint[theme];
  const { place, signed } = 'over' in paint ? paint.over : paint;
  const colour = colourAt(place, signed, theme);
  return 'over' in paint ? inkOn(colour) : css(colour);
}
