// Small runs as the server would describe them.
import type { ImageTable, MetricInfo, ModeInfo, RunInfo } from '../src/io/wire';

export const JSD: MetricInfo = {
  name: 'jsd',
  label: 'Jensen-Shannon divergence',
  unit: 'bits',
  signed: false,
  least: 0,
  most: 1,
  family: 'output',
  definition: '',
  available: true,
  reason: '',
};
export const WHOLE: ModeInfo = {
  name: 'head',
  label: 'Whole head',
  regions: ['cc', 'cp', 'pc', 'pp'],
  available: true,
  reason: '',
};

export function run(changes: Partial<RunInfo> = {}): RunInfo {
  return {
    schemaVersion: 1,
    runId: 'abc',
    name: 'run',
    created: '',
    vitscope: '0',
    model: {
      id: 'timm:vit',
      name: 'vit',
      adapter: 'timm',
      parity: 1e-7,
      nLayers: 3,
      nHeads: [2, 3, 3],
      nClasses: 5,
      readout: 'classes',
      inputSize: { height: 12, width: 20 },
      device: 'cpu',
      dtype: 'float32',
    },
    tokens: { prefix: ['cls', 'reg1'], rows: 3, cols: 5, patch: { height: 4, width: 4 }, cls: 0 },
    nImages: 4,
    fill: 'zero',
    metrics: [JSD, { ...JSD, name: 'out_cos' }, { ...JSD, name: 'flip', available: false, reason: 'no classifier' }],
    modes: [WHOLE, { ...WHOLE, name: 'cp+pc' }],
    defaultMetric: 'jsd',
    capabilities: {
      live: false,
      liveCommand: 'vitscope serve run --live',
      clsRows: true,
      featured: [3],
      embedding: true,
      layouts: ['importance/pca', 'importance/tsne', 'embedding/pca', 'embedding/tsne'],
      mean: true,
      meanReason: '',
      tsneLimit: 3000,
      patterns: 4,
      patternsReason: '',
    },
    spread: [],
    hops: 5,
    diagonal: Math.hypot(12, 20),
    thumbs: { size: 64, columns: 32, perPage: 1024 },
    generation: 1,
    ...changes,
  };
}

export function images(changes: Partial<ImageTable> = {}): ImageTable {
  return {
    generation: 1,
    name: ['a.png', 'b.png', 'c.png', 'd.png'],
    label: [0, 1, 1, 2],
    prediction: [0, 2, 0, 2],
    probability: [0.9, 0.6, 0.8, 0.7],
    correct: [true, false, false, true],
    target: [0, 1, 1, 2],
    done: [true, true, true, true],
    problem: [null, null, null, null],
    note: [null, null, null, null],
    classNames: { '0': 'zebra, horse', '1': 'ant', '2': 'cat' },
    ...changes,
  };
}
