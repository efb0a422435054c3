// The drawing of a head's values over images as bars, with the statistic and the focus image marked.
import { count, number } from '../../../ground/numbers';
import { group, path, level, text, upright, when, type Scene } from '../../../plot/scene';
import type { Histogram } from '../../../stats/histogram';

export interface Values {
  readonly width: number;
  readonly found: Histogram;
  readonly unit: string;
  /** Where the statistic and the focus image stand; NaN = not known. */
  readonly centre: number;
  readonly statistic: string;
  readonly own: number;
  readonly image: number | null;
}

const [ABOVE, HEIGHT] = [8, 46];

export function scene({ width, found, unit, centre, statistic, own, image }: Values): Scene {
  const { counts, low, high, n } = found;
  const base = ABOVE + HEIGHT;
  const most = Math.max(...counts);
  const step = width / counts.length;
  const x = (value: number): number => (high > low ? (width * (value - low)) / (high - low) : width / 2);
  const bar = (bin: number): string => {
    const height = Math.max((counts[bin]! / most) * HEIGHT, 1.5).toFixed(1);
    return `M${(bin * step + 0.5).toFixed(1)} ${base}v-${height}h${(step - 1).toFixed(1)}v${height}z`;
  };
  const words = `│ ${statistic}${Number.isFinite(own) ? `\u2002▼ #${image}` : ''}\u2002· n = ${count(n)}`;
  const ends = [number(low), `${number(high)} ${unit}`] as const;
  const LETTER = 6;
  return {
    width,
    height: base + 16,
    title:
      `Values over ${count(n)} images, from ${number(low)} to ${number(high)} ${unit}; at most ${count(most)} images ` +
      `in one of ${counts.length} bins`,
    marks: [
      group('images', [
        path(
          [...counts.keys()]
            .filter((bin) => counts[bin]! > 0)
            .map(bar)
            .join(''),
          {
            fill: 'accent',
            fillOpacity: 0.75,
          },
        ),
        level(base, [0, width], { stroke: 'line-strong' }),
      ]),
      ...when(Number.isFinite(centre), () => [upright(x(centre), [2, base], { stroke: 'ink', thick: 1.5 })]),
      ...when(own >= low && own <= high, () => [
        path(`M${x(own).toFixed(1)} ${ABOVE}l-4 -8h8z`, { fill: 'wrong', stroke: 'panel' }),
      ]),
      group('value axis', [
        text(0, base + 13, ends[0]),
        // Midway between the two ends' words.
        text((width + LETTER * (ends[0].length - ends[1].length)) / 2, base + 13, words, { anchor: 'middle' }),
        text(width, base + 13, ends[1], { anchor: 'end' }),
      ]),
    ],
  };
}
