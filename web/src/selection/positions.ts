// The maps of images by name, so that an outline drawn on one keeps its meaning: `importance/pca/jsd/head`,
// `embedding/tsne`, `scalars/confidence/total.jsd.head`. Positions are parts of the map's box.
import type { ImageTable } from '../io/wire';
import type { Memo } from '../ground/memo';
import type { Options } from './options';
import type { HeadRef } from '../ground/head_ref';

type AxisOption = Options['xAxis'];

export interface AxisData {
  readonly images: ImageTable;
  values(metric: string, mode: string): Float32Array | null;
  spread(measure: string): Float32Array | null;
  readonly width: number;
  readonly cells: number;
  readonly keep: Memo['get'];
}

/** The name of the map that the options ask for; null for the contact sheet and the list, which are no maps. */
export function mapName(options: Options, metric: string, mode: string, head: HeadRef): string | null {
  const axis = (option: AxisOption): string => axisName(option, metric, mode, head);
  if (options.layout === 'sheet' || options.layout === 'list') return null;
  if (options.layout === 'scalars') return `scalars/${axis(options.xAxis)}/${axis(options.yAxis)}`;
  return options.layout.startsWith('importance') ? `${options.layout}/${metric}/${mode}` : options.layout;
}

/** What the server is asked for the positions on a map that is no map of two numbers. */
export function layoutOf(map: string): { by: string; method: string; metric?: string; mode?: string } {
  const [by = '', method = '', metric, mode] = map.split('/');
  return { by, method, ...(metric && mode ? { metric, mode } : {}) };
}

function axisName(option: AxisOption, metric: string, mode: string, { layer, head }: HeadRef): string {
  if (option === 'total') return `total.${metric}.${mode}`;
  if (option === 'head') return `head.${metric}.${mode}.${layer}.${head}`;
  if (option === 'distance') return `distance.${layer}.${head}`;
  return option;
}

/** The two axes of a map of scalars, or null when the name is of another kind. */
export function axesOf(map: string): readonly [x: string, y: string] | null {
  const [kind, x, y] = map.split('/');
  return kind === 'scalars' && x && y ? [x, y] : null;
}

/** A number for each image; null while it is on its way, or when there is no such axis. */
export function axisValues(axis: string, data: AxisData): Float32Array | null {
  const { images, keep } = data;
  const [kind, ...parts] = axis.split('.');
  if (kind === 'confidence')
    return keep(axis, [images], () => Float32Array.from(images.probability, (value) => value ?? NaN));
  const place = (at: number): number => Number(parts[at]) * data.width + Number(parts[at + 1]);
  const values = kind === 'distance' ? data.spread('distance') : data.values(parts[0] ?? '', parts[1] ?? '');
  if (!values) return null;
  if (kind === 'total') return keep(axis, [images, values], () => totals(values, data));
  return keep(axis, [images, values], () => column(values, data, kind === 'distance' ? place(0) : place(2)));
}

function column(values: Float32Array, { images, cells }: AxisData, cell: number): Float32Array {
  return Float32Array.from({ length: images.name.length }, (_, row) => values[row * cells + cell] ?? NaN);
}

/** Sum over all heads; NaN where no head has a value. */
function totals(values: Float32Array, { images, cells }: AxisData): Float32Array {
  return Float32Array.from({ length: images.name.length }, (_, row) => {
    let sum = NaN;
    for (let cell = row * cells; cell < (row + 1) * cells; cell++) {
      const value = values[cell]!;
      if (value === value) sum = (sum === sum ? sum : 0) + value;
    }
    return sum;
  });
}

/** Positions [image, 2] put into their own box: each coordinate in 0..1, y upwards. NaN stays. */
export function boxed(xs: Float32Array, ys: Float32Array): Float32Array {
  const result = new Float32Array(2 * xs.length);
  [xs, ys].forEach((values, axis) => {
    const [low, high] = extent(values);
    for (let i = 0; i < values.length; i++)
      result[2 * i + axis] = high > low ? (values[i]! - low) / (high - low) : values[i]! * 0 + 0.5;
  });
  return result;
}

export function extent(values: Iterable<number>): readonly [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}
