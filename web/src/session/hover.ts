import type { HeadRef } from '../ground/head_ref';

/** What the pointer or the keyboard is on: shown everywhere, never stored, never fetched for. */
export type Hover =
  /** On the map of matrices it is one head on one image. */
  | { readonly kind: 'head'; readonly head: HeadRef; readonly image?: number }
  | { readonly kind: 'image'; readonly image: number }
  /** A token; over a matrix it is the key, and the query it is looked at from is known as well. */
  | { readonly kind: 'token'; readonly token: number; readonly query?: number }
  | { readonly kind: 'hop'; readonly hop: number }
  /** A cluster of matrices. */
  | { readonly kind: 'cluster'; readonly cluster: number };

/** The image that is pointed at, also where it is one head's matrix on it. */
export const hoveredImage = (hover: Hover | null): number | null =>
  hover && 'image' in hover ? (hover.image ?? null) : null;
