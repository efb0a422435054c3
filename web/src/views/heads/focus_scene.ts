// The drawing of coverage against focus: a point a head, the larger the more important the head is.
import { headName } from '../../ground/run';
import type { HeadRef } from '../../ground/head_ref';
import { count, tickNumber } from '../../ground/numbers';
import { acrossAxis, axisTitles, pointNames, valueAxis } from '../../plot/axes';
import { axisFor, axisTicks, placeOn, shareTick } from '../../plot/axis';
import { legend } from '../../plot/legend';
import type { Frame } from '../../plot/line_plot';
import { circle, group, type Mark, type Scene } from '../../plot/scene';

export interface FocusCoverage {
  readonly width: number;
  readonly height: number;
  /** Of every head by its place; NaN = not known. */
  readonly focus: ArrayLike<number>;
  readonly coverage: ArrayLike<number>;
  readonly importance: ArrayLike<number> | null;
  /** What the sizes are, and a value of it in words. */
  readonly size: string;
  readonly sized: (value: number) => string;
  /** Images. */
  readonly n: number;
  readonly head: (index: number) => HeadRef;
  /** The focus head, and the place of each head of the set in it. */
  readonly focusHead: number;
  readonly places: ReadonlyMap<number, number>;
  /** Heads to be named, the most wanted first. */
  readonly named: readonly number[];
}
export interface Point {
  readonly at: number;
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/** Radius of no importance and of the largest. */
const [LEAST, MOST] = [2.5, 11];

/** The largest importance of a head, whichever its sign. */
const largestOf = (importance: ArrayLike<number> | null): number =>
  Math.max(
    ...Array.from(importance ?? [])
      .filter(Number.isFinite)
      .map(Math.abs),
    0,
  );

/** Of a head by its importance, beside the largest one. */
function radiusOf(value: number, largest: number): number {
  const size = Math.abs(value);
  return largest > 0 && size === size ? LEAST + (MOST - LEAST) * Math.sqrt(size / largest) : LEAST;
}
const PLAIN = { fill: 'line-strong', fillOpacity: 0.78 } as const;

/** Height of the key of the sizes. */
const KEY = 22;

const plotOf = ({ width, height, focus, coverage }: FocusCoverage) => {
  const frame: Frame = { left: 56, right: width - 12, top: 8, bottom: height - 34 - KEY };
  const [x, y] = [axisFor(Array.from(focus), 'linear'), axisFor(Array.from(coverage), 'linear')];
  return {
    frame,
    across: (value: number): number => frame.left + (frame.right - frame.left) * placeOn(x, value),
    down: (value: number): number => frame.bottom - (frame.bottom - frame.top) * placeOn(y, value),
    xTicks: axisTicks(x, 5),
    yTicks: axisTicks(y, 5),
  };
};

/** The largest first, so that none hides a smaller one. */
export function pointsOf(props: FocusCoverage): Point[] {
  const { focus, coverage, importance } = props;
  const { across, down } = plotOf(props);
  const largest = largestOf(importance);
  return Array.from({ length: focus.length }, (_, at) => at)
    .filter((at) => Number.isFinite(focus[at]) && Number.isFinite(coverage[at]))
    .map((at) => ({
      at,
      x: across(focus[at]!),
      y: down(coverage[at]!),
      r: radiusOf(importance?.[at] ?? NaN, largest),
    }))
    .sort((a, b) => b.r - a.r);
}

export function scene(props: FocusCoverage, points = pointsOf(props)): Scene {
  const { width, height, focus, coverage, importance, size, sized, n, head, focusHead, places, named } = props;
  const { frame, across, down, xTicks, yTicks } = plotOf(props);
  const largest = largestOf(importance);
  const dot = ({ at, x, y, r }: Point): Mark => {
    const { layer, head: number } = head(at);
    const inSet = places.get(at);
    return circle(x, y, r, {
      ...(inSet === undefined ? PLAIN : { fill: { head: inSet } }),
      ...(at === focusHead ? { stroke: 'ink', thick: 2 } : { stroke: 'panel' }),
      key: `head ${layer}.${number}`,
      data: { point: at, head: `${layer}.${number}`, focus: focus[at]!, coverage: coverage[at]! },
    });
  };
  return {
    width,
    height,
    title: `Coverage against focus, one point a head, size = ${size}, n = ${count(n)} images`,
    marks: [
      acrossAxis(frame, across, xTicks, tickNumber, width),
      valueAxis(frame, down, yTicks, shareTick),
      axisTitles(frame, height - KEY, 'focus of CLS, mean', 'coverage, share of patches'),
      group('heads', points.map(dot)),
      pointNames(
        named.flatMap((at) =>
          points
            .filter((point) => point.at === at)
            .map(({ x, y }) => ({ x: x + 3, y, name: headName(head(at)), bold: at === focusHead })),
        ),
        width,
        frame.bottom,
      ),
      legend(
        [
          { words: `size: ${size}`, width: 0, mark: () => [] },
          ...[0, largest].map((value) => {
            const r = radiusOf(value, largest);
            return {
              words: value ? sized(value) : '0',
              width: 2 * r,
              mark: (x: number, y: number) => [circle(x, y, r, { ...PLAIN, stroke: 'panel' })],
            };
          }),
        ],
        4,
        height - 8,
      ),
    ],
  };
}
