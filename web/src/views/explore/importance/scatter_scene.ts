// The drawing of two measures of heads against each other: a point a head, the quadrant of what later layers hide.
import { headName } from '../../../ground/run';
import type { HeadRef } from '../../../ground/head_ref';
import { tickNumber } from '../../../ground/numbers';
import { acrossAxis, axisTitles, pointNames, valueAxis } from '../../../plot/axes';
import { axisTicks, place, type Scale } from '../../../plot/colour';
import type { Frame } from '../../../plot/line_plot';
import { circle, group, level, rect, upright, type Mark, type Scene } from '../../../plot/scene';
import type { Quadrant } from '../../../stats/quadrant';

export interface Scatter {
  readonly width: number;
  readonly height: number;
  /** Of every head by its place; NaN = not known. */
  readonly xs: ArrayLike<number>;
  readonly ys: ArrayLike<number>;
  readonly x: Scale;
  readonly y: Scale;
  /** What the axes are, with their units. */
  readonly across: string;
  readonly up: string;
  readonly quadrant: Quadrant;
  readonly head: (index: number) => HeadRef;
  /** The focus head, and the place of each head of the set in it. */
  readonly focus: number;
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

const frameOf = ({ width, height }: Scatter): Frame => ({ left: 56, right: width - 12, top: 10, bottom: height - 34 });
const acrossOf = (props: Scatter, value: number): number => {
  const { left, right } = frameOf(props);
  return left + (right - left) * place(props.x, value);
};
const downOf = (props: Scatter, value: number): number => {
  const { top, bottom } = frameOf(props);
  return bottom - (bottom - top) * place(props.y, value);
};

export const pointsOf = (props: Scatter): Point[] =>
  Array.from({ length: props.xs.length }, (_, at) => at)
    .filter((at) => Number.isFinite(props.xs[at]) && Number.isFinite(props.ys[at]))
    .map((at) => ({
      at,
      x: acrossOf(props, props.xs[at]!),
      y: downOf(props, props.ys[at]!),
      r: props.places.has(at) ? 5 : 4,
    }));

export function scene(props: Scatter, points = pointsOf(props)): Scene {
  const { width, height, x, y, across, up, quadrant, head, focus, places, named } = props;
  const frame = frameOf(props);
  const { left, right, top, bottom } = frame;
  const hidden = new Set(quadrant.heads);
  const [outputLine, layerLine] = [acrossOf(props, quadrant.outputLine), downOf(props, quadrant.layerLine)];
  const rule = { stroke: 'line-strong', dash: '4 3' } as const;
  const dot = (point: Point): Mark => {
    const { layer, head: number } = head(point.at);
    const inSet = places.get(point.at);
    return circle(point.x, point.y, point.r, {
      fill: inSet !== undefined ? { head: inSet } : hidden.has(point.at) ? 'accent' : 'line-strong',
      ...(point.at === focus ? { stroke: 'ink', thick: 2 } : { stroke: 'panel' }),
      key: `head ${layer}.${number}`,
      data: { point: point.at, scatter: `${layer}.${number}` },
    });
  };
  return {
    width,
    height,
    title: `${up} against ${across}, one point a head`,
    marks: [
      group('low on output, high on layer', [
        rect([left, Math.max(left, outputLine)], [top, Math.max(top, layerLine)], { fill: 'accent-soft' }),
      ]),
      acrossAxis(frame, (value) => acrossOf(props, value), axisTicks(x), tickNumber, width),
      valueAxis(frame, (value) => downOf(props, value), axisTicks(y), tickNumber),
      upright(outputLine, [top, bottom], rule),
      level(layerLine, [left, right], rule),
      axisTitles(frame, height, across, up),
      group('heads', points.map(dot)),
      pointNames(
        named.flatMap((at) =>
          points
            .filter((point) => point.at === at)
            .map((point) => ({ x: point.x, y: point.y, name: headName(head(at)), bold: at === focus })),
        ),
        width,
        bottom,
      ),
    ],
  };
}
