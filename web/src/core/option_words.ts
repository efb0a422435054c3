// What the options are called in the palette and in the list of steps: the words of the panes, not the names of the code.
import type { OptionKey } from './options';

const NAMES: Record<OptionKey, string> = {
  statistic: 'Statistic over images',
  scale: 'Colour scale',
  layout: 'Images',
  imageColour: 'Colour of images',
  marks: 'Images drawn as',
  xAxis: 'Images, across',
  yAxis: 'Images, up',
  listSort: 'List sorted by',
  listOrder: 'List sorted',
  importance: 'Head importance',
  headOrder: 'Heads',
  layerMetric: 'Measure of the layer',
  strength: 'Attention strength',
  strengthKind: 'Attention strength',
  hop: 'Ring k',
  patterns: 'Patterns',
  patternColour: 'Matrices coloured by',
  patternTable: 'Table of patterns',
  matrixLayout: 'Matrix',
  matrixScale: 'Matrix colours',
  overlay: 'Map drawn as',
  upsampling: 'Pixels of the map',
  mapScale: 'Scale of the map',
  map: 'Map',
  headFusion: 'Heads fused by',
  layerFusion: 'Layers fused by',
  residual: 'Rollout, residual',
  discard: 'Rollout, discard',
  startLayer: 'Rollout from layer',
  tileOrder: 'Tiles by',
  spreadMeasure: 'Spread by layer',
  diversity: 'Diversity by',
  similarity: 'Heads alike by',
  groupFrom: 'Redundant from a similarity of',
  depthOf: 'Over depth, of',
  depthScale: 'Over depth, as',
  classTrend: 'By class',
};

const VALUES: Partial<Record<OptionKey, Readonly<Record<string, string>>>> = {
  layout: {
    'importance/pca': 'importance PCA',
    'importance/tsne': 'importance t-SNE',
    'embedding/pca': 'embedding PCA',
    'embedding/tsne': 'embedding t-SNE',
    scalars: 'two numbers',
    sheet: 'contact sheet',
  },
  xAxis: { total: 'sum over heads', head: 'focus head' },
  yAxis: { total: 'sum over heads', head: 'focus head' },
  imageColour: { correct: 'right or wrong', head: 'value of the focus head', pattern: 'pattern of the focus head' },
  importance: { metrics: 'four measures', classes: 'by class' },
  headOrder: { index: 'by number', value: 'by value' },
  layerMetric: { cls_cos: 'CLS cosine', patch_cos: 'patch cosine' },
  patterns: { patterns: 'map and clusters', mean: 'mean matrices' },
  patternColour: { cluster: 'pattern', rule: 'their own name by rule', importance: 'importance of the head', class: 'class of the image' },
  patternTable: { quality: 'how good they are' },
  matrixLayout: { grid: '2-D' },
  mapScale: { map: 'largest of the map', shared: 'shared by all maps', absolute: '0 to 1', clip: '99th percentile' },
  diversity: { cls: 'cosine of CLS rows', 'jensen-shannon': 'Jensen-Shannon distance of CLS rows', full: 'cosine of whole matrices' },
  similarity: { cls: 'attention, CLS rows', mean: 'attention, mean matrices', output: 'output, linear CKA' },
  depthOf: { cls: 'CLS' },
  depthScale: { distance: 'cosine distance', ratio: 'parts of the first' },
  map: { head: 'focus head', layer: 'heads of the layer fused', layers: 'all layers fused' },
};

export const optionName = (key: OptionKey): string => NAMES[key];

/** `importance/pca` as `importance PCA`. */
export const valueWords = (key: OptionKey, value: string | number): string => VALUES[key]?.[value] ?? String(value);
