// The strips of the heads' values over images, and the swarm of one head's images, onto canvases.
import { place, type Scale } from '../../../../plot/colour';
import type { Bands } from '../../../../stats/bands';
import type { StripPlaces } from '../../../../plot/marks/strips';

export interface Inks {
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly accent: string;
  readonly panel: string;
}

/** The theme's colours as a canvas takes them; an element tells them. */
export function inksOf(element: Element): Inks {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read('--ink'),
    muted: read('--line-strong'),
    line: read('--line'),
    accent: read('--accent'),
    panel: read('--panel'),
  };
}

export interface Axis {
  readonly scale: Scale;
  readonly top: number;
  readonly bottom: number;
}

export const down = ({ scale, top, bottom }: Axis, value: number): number =>
  bottom - (bottom - top) * place(scale, value);

/** Grid lines at the ticks; the value 0 stronger. */
export function paintGrid(
  context: CanvasRenderingContext2D,
  axis: Axis,
  ticks: readonly number[],
  left: number,
  right: number,
  inks: Inks,
): void {
  for (const tick of ticks) {
    context.fillStyle = tick === 0 ? inks.muted : inks.line;
    context.fillRect(left, Math.round(down(axis, tick)), right - left, 1);
  }
}

/** A line from 5 to 95 %, a bar over the middle half, a notch at the median; `colours` for the heads of the set. */
export function paintStrips(
  context: CanvasRenderingContext2D,
  bands: Bands,
  places: StripPlaces,
  axis: Axis,
  inks: Inks,
  colours: ReadonlyMap<number, string>,
  widest = 10,
): void {
  const bar = Math.max(1, Math.min(widest, places.width * 0.7));
  for (let index = 0; index < places.left.length; index++) {
    const left = places.left[index]!;
    if (!(left >= 0) || bands.n[index] === 0) continue;
    const middle = left + places.width / 2;
    const y = (value: number): number => down(axis, value);
    const box = (from: number, to: number, width: number): void =>
      context.fillRect(middle - width / 2, y(to), width, Math.max(1, y(from) - y(to)));
    context.fillStyle = colours.get(index) ?? inks.muted;
    box(bands.low[index]!, bands.high[index]!, Math.min(1, bar));
    box(bands.q1[index]!, bands.q3[index]!, bar);
    context.fillStyle = inks.ink;
    context.fillRect(middle - bar / 2 - 0.5, y(bands.median[index]!) - 1, bar + 1, 2);
  }
}

/** One image's values: a ring on each strip. */
export function paintImage(
  context: CanvasRenderingContext2D,
  values: ArrayLike<number>,
  places: StripPlaces,
  axis: Axis,
  inks: Inks,
): void {
  const radius = Math.max(1.4, Math.min(3.5, places.width * 0.32));
  for (let index = 0; index < places.left.length; index++) {
    const [left, value] = [places.left[index]!, values[index]!];
    if (!(left >= 0) || !Number.isFinite(value)) continue;
    context.beginPath();
    context.arc(left + places.width / 2, down(axis, value), radius, 0, 2 * Math.PI);
    context.fillStyle = inks.panel;
    context.strokeStyle = inks.ink;
    context.lineWidth = 1;
    if (places.width > 5) context.fill();
    context.stroke();
    if (places.width <= 5) {
      context.fillStyle = inks.ink;
      context.fill();
    }
  }
}

export interface Swarm {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export function paintSwarm(
  context: CanvasRenderingContext2D,
  { x, y }: Swarm,
  inside: (at: number) => boolean,
  inks: Inks,
): void {
  const size = x.length > 2000 ? 1.5 : x.length > 400 ? 2 : 3;
  for (const within of [false, true]) {
    context.fillStyle = within ? inks.accent : inks.muted;
    context.globalAlpha = within ? 0.75 : 0.35;
    for (let at = 0; at < x.length; at++) {
      if (x[at] === x[at] && inside(at) === within) context.fillRect(x[at]! - size / 2, y[at]! - size / 2, size, size);
    }
  }
  context.globalAlpha = 1;
}
