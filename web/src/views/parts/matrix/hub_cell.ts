// The colours of a cell of the hub: its fill, and ink that is read on it.
import { colourAt, css, inkOn, place, type Scale, type Theme } from '../../../plot/colour';

export interface CellColours {
  readonly background: string;
  readonly ink: string;
}

export function cellColours(value: number, scale: Scale, theme: Theme): CellColours {
  const colour = colourAt(place(scale, value), scale.signed, theme);
  return { background: css(colour), ink: inkOn(colour) };
}
