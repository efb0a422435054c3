// What the colours and the marks of a drawing stand for.

import type { Bar } from './colour';
import { group, rect, text, upright, when, type Group } from './scene';

export const BAR_HEIGHT = 44;
const STEPS = 256;
const [TRACK, THICK] = [17, 10];

export function colourBar(
  { caption, ticks, signed = false, marks = [] }: Bar,
  x: number,
  y: number,
  width: number,
): Group {
  const across = (at: number): number => x + at * width;
  const [top, bottom] = [y + TRACK, y + TRACK + THICK];
  return group('colour bar', [
    text(x, y + 11, caption),
    {
      kind: 'raster',
      x,
      y: top,
      width,
      height: THICK,
      cols: STEPS,
      places: Float32Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1)),
      signed,
    },
    rect([x, x + width], [top, bottom], { stroke: 'line' }),
    ...marks.map(({ at, text }) =>
      upright(across(at), [top - 3, bottom + 3], { stroke: 'ink', thick: 2, title: text }),
    ),
    ...ticks.map(({ at, text: words }) =>
      text(across(at), bottom + 13, words, {
        fill: 'ink',
        ...(at <= 0.1 ? {} : { anchor: at >= 0.9 ? 'end' : 'middle' }),
      }),
    ),
  ]);
}

export interface LegendEntry {
  readonly words: string;
  /** The mark, around a place. */
  readonly mark: (x: number, y: number) => Group['marks'];
  /** Room it takes. */
  readonly width?: number;
}
const [LINE, LETTER] = [18, 6];

/** Left and line of each entry, in as many lines as they need up to `right`. */
function placesOf(
  entries: readonly LegendEntry[],
  x: number,
  right: number,
): (readonly [left: number, line: number])[] {
  let [left, line] = [x, 0];
  return entries.map(({ words, width = 10 }) => {
    const room = width + 4 + words.length * LETTER;
    if (left > x && left + room > right) [left, line] = [x, line + 1];
    const place = [left, line] as const;
    left += room + 12;
    return place;
  });
}

export const legendHeight = (entries: readonly LegendEntry[], x: number, right: number): number =>
  entries.length ? LINE * (placesOf(entries, x, right).at(-1)![1] + 1) : 0;

/** Marks with their meaning, side by side, the first line of them on a base line. */
export function legend(entries: readonly LegendEntry[], x: number, y: number, right = Infinity): Group {
  const places = placesOf(entries, x, right);
  return group(
    'legend',
    entries.flatMap(({ words, mark, width = 10 }, i) => {
      const [left, base] = [places[i]![0], y + LINE * places[i]![1]];
      return [...mark(left + width / 2, base - 4), ...when(words, () => [text(left + width + 4, base, words)])];
    }),
  );
}

/** Lines across a box from lower left to upper right: nothing is known here, or it is pruned. */
export function hatch(x: number, y: number, width: number, height: number, gap = 6): string {
  let lines = '';
  for (let at = gap / 2; at < width + height; at += gap) {
    const [from, to] = [Math.max(0, at - height), Math.min(at, width)];
    lines += `M${(x + from).toFixed(1)} ${(y + at - from).toFixed(1)}L${(x + to).toFixed(1)} ${(y + at - to).toFixed(1)}`;
  }
  return lines;
}
