// The drawing of a change of accuracy: a dot with its interval on a line through 0.
import { ticks } from 'd3-array';
import { pointsOf } from '../../ground/numbers';
import type { AccuracyChange } from '../../io/wire';
import { circle, group, level, text, upright, type Scene } from '../../plot/scene';

const HEIGHT = 34;
const [EDGE, MIDDLE] = [10, 12];

export function scene({ width, change }: { readonly width: number; readonly change: AccuracyChange }): Scene {
  const { before, after, low, high } = change;
  const end = Math.max(0.01, Math.abs(low), Math.abs(high)) * 1.1;
  const x = (at: number): number => EDGE + ((at + end) / (2 * end)) * (width - 2 * EDGE);
  const marks = ticks(-end, end, 5);
  return {
    width,
    height: HEIGHT,
    title: `Change of accuracy ${pointsOf(after - before)}, 95 % interval ${pointsOf(low)} to ${pointsOf(high)}`,
    marks: [
      level(MIDDLE, [EDGE, width - EDGE], { stroke: 'line' }),
      upright(x(0), [3, 21], { stroke: 'line-strong', dash: '2 2' }),
      group('change', [
        level(MIDDLE, [x(low), x(high)], { stroke: 'accent', thick: 3 }),
        circle(x(after - before), MIDDLE, 4.5, { fill: 'accent', stroke: 'panel', thick: 1.5 }),
      ]),
      group(
        'value axis',
        marks.map((mark) =>
          text(
            x(mark),
            31,
            pointsOf(mark)
              .replace('.0', '')
              .replace(' pp', mark === marks.at(-1) ? ' pp' : ''),
            {
              anchor: 'middle',
              size: 10.5,
            },
          ),
        ),
      ),
    ],
  };
}
