// The drawing of the heads' values over images, a strip a head, and of one head image by image as a swarm beside them.
import { headName } from '../../../../ground/run';
import type { HeadRef } from '../../../../ground/head_ref';
import { number, tickNumber } from '../../../../ground/numbers';
import { valueAxis, valueTitle } from '../../../../plot/axes';
import { axisTicks, place, type Scale } from '../../../../plot/colour';
import type { Paint } from '../../../../plot/inks';
import { legend, legendHeight, type LegendEntry } from '../../../../plot/legend';
import { stripPlaces, type StripPlaces } from '../../../../plot/marks/strips';
import {
  circle,
  group,
  level,
  rect,
  text,
  when,
  type Circle,
  type Mark,
  type Points,
  type Rect,
  type Scene,
} from '../../../../plot/scene';
import type { Bands } from '../../../../stats/bands';

/** How wide the swarm's column is. */
export const SWARM = 92;
const [LEFT, TOP, BOTTOM] = [48, 20, 20];

export interface Place {
  readonly width: number;
  readonly height: number;
  readonly scale: Scale;
  /** Heads a layer has, and places. */
  readonly nHeads: readonly number[];
  readonly columns: number;
}
export interface Strips extends Place {
  /** The quantity, and its unit or its short name. */
  readonly title: string;
  readonly unit: string;
  readonly bands: Bands;
  readonly head: (index: number) => HeadRef;
  readonly focus: number;
  /** The place of each head of the set in it. */
  readonly places: ReadonlyMap<number, number>;
  readonly dots: Swarm;
  /** Whether an image of the swarm is within the chosen range. */
  readonly within: (at: number) => boolean;
  /** Where strips are wide and images few, the images of each strip. */
  readonly every: readonly Swarm[] | null;
  /** One image, and its values by head. */
  readonly image: { readonly name: string; readonly values: ArrayLike<number> } | null;
  /** The range of values that is chosen. */
  readonly ranges: readonly Range[];
}
export interface Swarm {
  readonly x: Float64Array;
  readonly y: Float64Array;
}
export interface Range {
  readonly left: number;
  readonly width: number;
  readonly top: number;
  readonly bottom: number;
}

export interface StripFrame extends StripPlaces {
  readonly top: number;
  readonly bottom: number;
  readonly right: number;
}
export function frameOf({ width, height, nHeads, columns }: Omit<Place, 'scale'>): StripFrame {
  const right = Math.max(LEFT + 60, width - SWARM - 12);
  return { top: TOP, bottom: height - BOTTOM, right, ...stripPlaces(nHeads, columns, LEFT, right) };
}
export const down = ({ top, bottom }: StripFrame, scale: Scale, value: number): number =>
  bottom - (bottom - top) * place(scale, value);

/** The axis and its unit, the layers, whose swarm it is. */
export function around(
  { width, scale, unit, head, focus }: Pick<Strips, 'width' | 'scale' | 'unit' | 'head' | 'focus'>,
  frame: StripFrame,
): Mark[] {
  const y = (value: number): number => Math.round(down(frame, scale, value)) + 0.5;
  const narrow = frame.layers[0]![1] - frame.layers[0]![0] < 24;
  const across = { left: LEFT - 4, right: width - 4 };
  return [
    valueAxis(across, y, axisTicks(scale), tickNumber),
    ...when(scale.low <= 0, () => [level(y(0), [across.left, across.right], { stroke: 'line-strong' })]),
    valueTitle(`${unit}${scale.kind === 'log' ? ', log' : ''}`, 0),
    group(
      'layers',
      frame.layers.map(([from, to], layer) =>
        text((from + to) / 2, frame.bottom + 14, narrow ? String(layer) : `L${layer}`, { anchor: 'middle' }),
      ),
    ),
    group('swarm title', [
      text(width - 4, 11, `${headName(head(focus))} by image`, { anchor: 'end', fill: 'ink', bold: true }),
    ]),
  ];
}

/** Images as squares, those of the chosen range over the others. */
export function swarms({ dots, within, every }: Pick<Strips, 'dots' | 'within' | 'every'>): Points[] {
  const points = ({ x, y }: Swarm, paint: Paint, opacity: number): Points => ({
    kind: 'points',
    shape: 'square',
    r: size(dots.x.length) / 2,
    xs: x,
    ys: y,
    paints: [paint],
    opacity,
  });
  const part = (inside: boolean): Swarm => ({
    x: dots.x.filter((_, at) => within(at) === inside),
    y: dots.y.filter((_, at) => within(at) === inside),
  });
  return [
    ...(every ?? []).map((of) => points(of, 'line-strong', 0.35)),
    points(part(false), 'line-strong', 0.35),
    points(part(true), 'accent', 0.75),
  ];
}
const size = (images: number): number => (images > 2000 ? 1.5 : images > 400 ? 2 : 3);

/** A line from 5 to 95 %, a bar over the interquartile range, a notch at the median; heads of the set in their colours. */
export function strips(
  { bands, scale, head, places, every }: Pick<Strips, 'bands' | 'scale' | 'head' | 'places' | 'every'>,
  frame: StripFrame,
): Rect[] {
  const bar = Math.max(1, Math.min(every ? 4 : 10, frame.width * 0.7));
  const y = (value: number): number => down(frame, scale, value);
  return Array.from(frame.left).flatMap((left, index) => {
    if (!(left >= 0) || bands.n[index] === 0) return [];
    const middle = left + frame.width / 2;
    const inSet = places.get(index);
    const fill: Paint = inSet === undefined ? 'line-strong' : { head: inSet };
    const box = (from: number, to: number, width: number): Rect =>
      rect([middle - width / 2, middle + width / 2], [y(to), Math.max(y(from), y(to) + 1)], { fill });
    const [q1, median, q3] = [bands.q1[index]!, bands.median[index]!, bands.q3[index]!];
    const { layer, head: number } = head(index);
    return [
      box(bands.low[index]!, bands.high[index]!, Math.min(1, bar)),
      { ...box(q1, q3, bar), data: { strip: `${layer}.${number}`, q1, median, q3 } },
      rect([middle - bar / 2 - 0.5, middle + bar / 2 + 0.5], [y(median) - 1, y(median) + 1], { fill: 'ink' }),
    ];
  });
}

/** One image's values: a ring on each strip. */
export function rings({ scale }: Pick<Strips, 'scale'>, values: ArrayLike<number>, frame: StripFrame): Circle[] {
  const radius = Math.max(1.4, Math.min(3.5, frame.width * 0.32));
  return Array.from(frame.left).flatMap((left, index) =>
    left >= 0 && Number.isFinite(values[index])
      ? [
          circle(left + frame.width / 2, down(frame, scale, values[index]!), radius, {
            fill: frame.width > 5 ? 'panel' : 'ink',
            stroke: 'ink',
          }),
        ]
      : [],
  );
}

export function scene(props: Strips, frame = frameOf(props)): Scene {
  const { width, height, scale, title, image, ranges, focus, bands } = props;
  const own = image?.values[focus] ?? NaN;
  const line = down(frame, scale, own);
  const entries: LegendEntry[] = [
    {
      words: '5–95 % of images',
      width: 1,
      mark: (x, y) => [rect([x, x + 1], [y - 6, y + 6], { fill: 'line-strong' })],
    },
    {
      words: 'interquartile range',
      mark: (x, y) => [rect([x - 4, x + 4], [y - 5, y + 5], { fill: 'line-strong' })],
    },
    { words: 'median', mark: (x, y) => [rect([x - 5, x + 5], [y - 1, y + 1], { fill: 'ink' })] },
    ...(image
      ? [
          {
            words: `image ${image.name}`,
            mark: (x: number, y: number) => [circle(x, y, 3.5, { fill: 'panel', stroke: 'ink' })],
          },
        ]
      : []),
    { words: `n = ${Math.max(...bands.n)}`, width: 0, mark: () => [] },
  ];
  return {
    width,
    height: height + legendHeight(entries, LEFT, width),
    title,
    marks: [
      ...around(props, frame),
      group('images', swarms(props)),
      group('strips', strips(props, frame)),
      ...when(image, () => [group('one image', rings(props, image!.values, frame))]),
      ...when(Number.isFinite(own), () => [
        group('one image of the swarm', [
          level(line, [width - SWARM - 2, width - 2], { stroke: 'ink' }),
          text(width - 2, line - 2, `${image!.name}: ${number(own)}`, { anchor: 'end', fill: 'ink', rim: true }),
        ]),
      ]),
      group(
        'chosen range',
        ranges.map(({ left, width: wide, top, bottom }) =>
          rect([left, left + wide], [top, bottom], { fill: 'accent', fillOpacity: 0.16, stroke: 'accent' }),
        ),
      ),
      legend(entries, LEFT, height + 14, width),
    ],
  };
}
