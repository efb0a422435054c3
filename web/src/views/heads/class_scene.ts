// The drawing of classes over layers: a row a class, a cell a layer, the focus head alone beside them.
import { count } from '../../ground/numbers';
import { barOf, type Scale } from '../../plot/colour';
import { inkOf } from '../../plot/inks';
import { BAR_HEIGHT, colourBar, hatch } from '../../plot/legend';
import { group, path, rect, text, type Mark, type Scene } from '../../plot/scene';

export interface ClassRow {
  readonly target: number;
  /** Images. */
  readonly n: number;
  /** Of the focus head, and the mean over the heads of each layer; NaN = not known. */
  readonly focus: number;
  readonly layers: ArrayLike<number>;
}
export interface ClassTrend {
  readonly width: number;
  readonly rows: readonly ClassRow[];
  readonly name: (target: number) => string;
  readonly layers: number;
  readonly head: string;
  readonly scale: Scale;
  /** The quantity and its unit, of how many images. */
  readonly caption: string;
  readonly worded: (value: number) => string;
}

const [TOP, ROW, NAME, N, OWN, GAP] = [40, 22, 130, 36, 84, 12];

export function scene({ width, rows, name, layers, head, scale, caption, worded }: ClassTrend): Scene {
  const left = NAME + N + OWN;
  const cell = Math.max(14, (width - left - 4) / layers);
  const bottom = TOP + rows.length * ROW;
  const every = layers > 8 ? 2 : 1;
  const box = (
    value: number,
    x: number,
    y: number,
    wide: number,
    high: number,
    what: string,
    data: Readonly<Record<string, string | number>>,
  ): Mark =>
    Number.isFinite(value)
      ? rect([x, x + wide], [y, y + high], {
          fill: inkOf(scale, value),
          title: `${what}: ${worded(value)}`,
          data: { ...data, value },
        })
      : path(hatch(x, y, wide, high, 4), { stroke: 'line', title: `${what}: not known` });
  return {
    width: Math.max(width, left + layers * cell + 4),
    height: bottom + GAP + BAR_HEIGHT,
    title: `${caption}: classes over layers, mean over the heads of each layer`,
    marks: [
      group('columns', [
        text(4, TOP - 6, 'class'),
        text(NAME + N, TOP - 6, 'n', { anchor: 'end' }),
        text(left - 8, TOP - 6, head, { anchor: 'end' }),
        text(left, 12, 'layer →'),
        ...Array.from({ length: Math.ceil(layers / every) }, (_, i) =>
          text(left + (i * every + 0.5) * cell, TOP - 6, `L${i * every}`, { anchor: 'middle' }),
        ),
      ]),
      ...rows.flatMap(({ target, n, focus, layers: means }, at) => {
        const y = TOP + at * ROW;
        const own = name(target);
        return group(`class ${target}`, [
          text(4, y + 15, own.length > 20 ? `${own.slice(0, 19)}…` : own, { fill: 'ink' }),
          text(NAME + N, y + 15, count(n), { anchor: 'end' }),
          box(focus, NAME + N + 12, y + 4, 12, 12, `${own}, ${head}`, { class: target }),
          text(left - 8, y + 15, worded(focus), { anchor: 'end', fill: 'ink' }),
          ...Array.from(means, (mean, layer) =>
            box(mean, left + layer * cell, y, cell - 1, ROW - 1, `${own}, layer ${layer}`, { class: target, layer }),
          ),
        ]);
      }),
      colourBar(barOf(scale, caption, worded), 4, bottom + GAP, width - 8),
    ],
  };
}
