// How a cell of the hub is drawn: its fill, ink that is read on it, and the inner square of its consistency.
import { colourAt, css, inkOn, place, type Scale, type Theme } from '../../core/colour';
import type { CellSize } from '../../core/layout';

export function cellColours(value: number, scale: Scale, theme: Theme): { background: string; ink: string } {
  const colour = colourAt(place(scale, value), scale.signed, theme);
  return { background: css(colour), ink: inkOn(colour) };
}

/** Side of the inner square: a share of the cell's shorter side; `share` is more than 0. */
export function innerSquare(share: number, { width, height }: CellSize): number {
  return Math.max(2, Math.round(share * (Math.min(width, height) - 9)));
}
