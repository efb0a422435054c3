// How each view draws: every option once, with its default, the values it may take, and its key in the address.
// Reducer, address and history are driven by this table: an option that is not in it does not exist.

import type { LayerMetric } from '../io/quantities.gen';
import { LAYER_METRICS } from '../ground/quantities';

interface Choice<T extends string> {
  readonly address: string;
  readonly initial: T;
  readonly values: readonly T[];
}
interface Range {
  readonly address: string;
  readonly initial: number;
  readonly low: number;
  readonly high: number;
  /** Whole numbers only. */
  readonly whole: boolean;
}

const choice = <const T extends string>(address: string, values: readonly [T, ...T[]]): Choice<T> => ({
  address,
  initial: values[0],
  values,
});
const range = (address: string, initial: number, low: number, high: number, whole = false): Range => ({
  address,
  initial,
  low,
  high,
  whole,
});

export const OPTIONS = {
  /** The statistic over the images in scope, and the colour scale of the head matrix. */
  statistic: choice('a', ['mean', 'median']),
  scale: choice('c', ['linear', 'log', 'rank']),

  /** Images: where an image stands, what colours it, dots or pictures; how the list of them is sorted. */
  layout: choice('il', [
    'importance/pca',
    'importance/tsne',
    'embedding/pca',
    'embedding/tsne',
    'scalars',
    'sheet',
    'list',
  ]),
  imageColour: choice('ic', ['correct', 'confidence', 'head', 'pattern']),
  marks: choice('im', ['auto', 'dots', 'pictures']),
  xAxis: choice('ix', ['confidence', 'total', 'head', 'distance']),
  yAxis: choice('iy', ['total', 'confidence', 'head', 'distance']),
  listSort: choice('ls', ['number', 'name', 'true', 'predicted', 'confidence', 'correct', 'total']),
  listOrder: choice('lo', ['up', 'down']),

  /** Head importance: what the pane shows, and whether heads are sorted inside each layer. */
  importance: choice('t', ['matrix', 'distributions', 'metrics', 'scatter', 'classes', 'difference']),
  headOrder: choice('o', ['index', 'value']),
  /** The layer metric that the scatter sets against the output. */
  layerMetric: choice('y', LAYER_METRICS as readonly [LayerMetric, ...LayerMetric[]]),

  /** Attention strength. */
  strength: choice('st', ['curves', 'table', 'trend']),
  strengthKind: choice('sk', ['mass', 'density']),
  hop: range('k', 1, 0, 4096, true),

  /** Patterns: the map of matrices and what it shows, or the heads' mean matrices; the table beside it. */
  patterns: choice('pv', ['patterns', 'mean']),
  patternColour: choice('pc', ['cluster', 'rule', 'layer', 'importance', 'class']),
  /** Into how many clusters the matrices fall: 0 = as the run chose. */
  clusters: range('pk', 0, 0, 18, true),
  patternTable: choice('pt', ['heads', 'importance', 'layers', 'classes', 'quality']),

  /** Matrices (mean over images, or one image's): the sequence of tokens, or the image's two dimensions. */
  matrixLayout: choice('ml', ['sequence', 'grid']),
  matrixScale: choice('ms', ['log', 'linear']),

  /** Image: what lies over the picture and how it is drawn. */
  overlay: choice('w', ['heat', 'spotlight', 'contour', 'numbers']),
  upsampling: choice('u', ['nearest', 'bilinear', 'bicubic']),
  mapScale: choice('z', ['map', 'shared', 'absolute', 'clip']),
  /** Which map: of the focus head, or fused over the heads of its layer, over layers, rollout, or a map of one class. */
  map: choice('p', ['head', 'layer', 'layers', 'rollout', 'gradient_rollout', 'relevance', 'legrad']),
  /** Which class a map of one class is of: 0 = the image's target, else class + 1. */
  mapClass: range('mc', 0, 0, 9999, true),
  headFusion: choice('hf', ['mean', 'max', 'min']),
  layerFusion: choice('lf', ['mean', 'max', 'min']),
  residual: range('rr', 0.5, 0, 1),
  discard: range('rd', 0, 0, 0.99),
  startLayer: range('rs', 0, 0, 1023, true),
  /** LeGrad as its authors run it: the last two layers, each read from the mean of its tokens; or otherwise. */
  legradLayers: range('gl', 2, 1, 1024, true),
  legradReading: choice('gr', ['mean', 'classifier']),
  tileOrder: choice('to', ['index', 'importance']),
  spreadMeasure: choice('sm', ['entropy', 'focus', 'coverage']),

  /** Heads: how a layer's diversity is measured, what heads of all layers are compared by, from when they are a group. */
  diversity: choice('dv', ['cls', 'jensen-shannon', 'full']),
  similarity: choice('hb', ['cls', 'mean', 'output']),
  groupFrom: range('gf', 0.9, 0.01, 1),
  /** Effects over depth: of which tokens, and as distances or in parts of the one right after the layer. */
  depthOf: choice('dm', ['cls', 'patches']),
  depthScale: choice('ds', ['distance', 'ratio']),
  classTrend: choice('ct', ['importance', 'strength', 'pattern']),
  /** Heads, input sizes: over the images in scope or on the focus image; as shares, which compare, or as they are. */
  sizesOf: choice('zo', ['scope', 'image']),
  sizeUnit: choice('zu', ['share', 'absolute']),

  /** Lab: what replaces what is pruned, whether every change runs over the scope, and what the curves show. */
  labFill: choice('xf', ['zero', 'renormalise', 'mean', 'resample']),
  labAutorun: choice('xa', ['off', 'on']),
  labCurve: choice('xc', ['accuracy', 'moved']),
} as const;

export type OptionKey = keyof typeof OPTIONS;
export type Options = {
  readonly [K in OptionKey]: (typeof OPTIONS)[K] extends Choice<infer T> ? T : number;
};

export function initialOptions(): Options {
  return Object.fromEntries(
    Object.entries(OPTIONS).map(([key, option]) => [key, option.initial]),
  ) as unknown as Options;
}

/** The value that a text of an address stands for; undefined when the option has no such value. */
export function parseOption(key: OptionKey, text: string): string | number | undefined {
  const option: Choice<string> | Range = OPTIONS[key];
  if ('values' in option) return option.values.find((value) => value === text);
  const value = /^\d{1,4}(\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  const fits = value >= option.low && value <= option.high && (!option.whole || Number.isInteger(value));
  return fits ? value : undefined;
}
