// What charts share: values at the left with lines across, steps below, names at the ends of lines.

import type { Frame, Plot } from './line_plot';
import { labelPlaces } from './marks/label_places';
import { group, level, path, text, upright, type Group } from './scene';
import type { Paint } from './inks';

/** Lines across the frame at the ticks, each with its value at the left; `beyond`: how far they reach out of it. */
export const valueAxis = (
  { left, right }: Pick<Frame, 'left' | 'right'>,
  y: (value: number) => number,
  ticks: readonly number[],
  words: (value: number) => string,
  beyond = 0,
): Group =>
  group(
    'value axis',
    ticks.flatMap((tick) => [
      level(y(tick), [left - beyond, right + beyond], { stroke: 'line' }),
      text(left - beyond - 4, y(tick) + 3.5, words(tick), { anchor: 'end' }),
    ]),
  );

/** Lines down the frame at the ticks, each with its value below; the last is kept inside `width`. */
export const acrossAxis = (
  { top, bottom }: Pick<Frame, 'top' | 'bottom'>,
  x: (value: number) => number,
  ticks: readonly number[],
  words: (value: number) => string,
  width: number,
): Group =>
  group(
    'across axis',
    ticks.flatMap((tick) => [
      upright(x(tick), [top, bottom], { stroke: 'line' }),
      text(x(tick), bottom + 13, words(tick), { anchor: x(tick) > width - 40 ? 'end' : 'middle' }),
    ]),
  );

/** What both axes of a scatter are, towards their large ends. */
export const axisTitles = ({ right, top }: Frame, height: number, across: string, up: string): Group =>
  group('axis titles', [
    text(right, height - 5, `${across} →`, { anchor: 'end' }),
    text(11, top, `${up} →`, { anchor: 'end', upright: true }),
  ]);

/** The names of the steps below the frame: as many as have `room` pixels each. */
export const stepAxis = (plot: Plot, name: (at: number) => string, room = 24): Group =>
  group(
    'step axis',
    plot.named(room).map((at) => text(plot.x(at), plot.frame.bottom + 13, name(at), { anchor: 'middle' })),
  );

/** What the steps are, in the middle under their names. */
export const stepTitle = ({ left, right }: Pick<Frame, 'left' | 'right'>, height: number, words: string): Group =>
  group('step title', [text((left + right) / 2, height - 4, words, { anchor: 'middle' })]);

/** What the values are, and their unit, in the upper left corner. */
export const valueTitle = (words: string, x = 4): Group => group('value title', [text(x, 11, words)]);

export interface LineEnd {
  readonly name: string;
  readonly fill: Paint;
  readonly bold: boolean;
  readonly x: number;
  readonly y: number;
}

/** Names at the right of the frame, moved apart, each led to from its line's end. */
export function endNames({ right, top, bottom }: Frame, ends: readonly LineEnd[], gap = 11.5, dash = ''): Group {
  const heights = spaced(
    ends.map(({ y }) => y),
    gap,
    top + 4,
    bottom,
  );
  return group(
    'names',
    ends.flatMap(({ name, fill, bold, x, y }, i) => [
      path(`M${x.toFixed(1)} ${y.toFixed(1)}L${right + 8} ${heights[i]!.toFixed(1)}`, {
        stroke: 'line-strong',
        thick: 0.7,
        dash,
      }),
      text(right + 10, heights[i]! + 3.5, name, { fill, bold }),
    ]),
  );
}

/** Places moved apart as little as needed to keep `gap` between them, inside [low, high]; in the order given. */
export function spaced(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const found = [...wanted];
  let least = low;
  for (const i of order) {
    found[i] = Math.max(wanted[i]!, least);
    least = found[i]! + gap;
  }
  let most = high;
  for (const i of order.reverse()) {
    found[i] = Math.min(found[i]!, most);
    most = found[i]! - gap;
  }
  return found;
}

export interface NamedPoint {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  readonly bold: boolean;
}

/** The names of points beside them, the first ones first: a name without room is left out. */
export function pointNames(points: readonly NamedPoint[], width: number, bottom: number): Group {
  const places = labelPlaces(
    points.map(({ x, y, name, bold }) => ({ x, y, width: name.length * 6.2 * (bold ? 1.2 : 1) })),
    { width, height: bottom },
  );
  return group(
    'names',
    points.flatMap(({ name, bold }, i) =>
      places[i] ? [text(...places[i], name, { fill: 'ink', bold, rim: true })] : [],
    ),
  );
}
