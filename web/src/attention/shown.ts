// Which map lies over the picture, in words and numbers: of the focus head, fused, or rolled out; and how it is scaled.
import type { TokenInfo } from '../io/wire';
import { layerTop, maximum, patchMap, uniformWeight, type Rows } from './rows';
import { classMapName, isClassMap } from './class_maps';
import { headName } from '../ground/run';
import { clipped, fuse, headRow, layerRow } from './maps';
import type { Options } from '../selection/options';
import type { HeadRef } from '../ground/head_ref';
import type { Direction } from '../selection/state';
import { tokenCount, tokenName } from '../ground/tokens';
import { number } from '../ground/numbers';

export interface MapChoice {
  readonly map: Options['map'];
  readonly head: HeadRef;
  readonly headFusion: Options['headFusion'];
  readonly layerFusion: Options['layerFusion'];
  readonly residual: number;
  readonly discard: number;
  readonly startLayer: number;
  /** Of LeGrad: the last so many layers take part, and what a layer's score is read from. */
  readonly legradLayers: number;
  readonly legradReading: Options['legradReading'];
  /** Of a map of one class: its name. */
  readonly className: string;
}

/** The row over all tokens that is shown, out of one token's attention over all heads. */
export function fusedRow(rows: Rows, heads: readonly number[], choice: MapChoice): Float32Array {
  const { map, head, headFusion, layerFusion } = choice;
  if (map === 'head') return headRow(rows, head.layer, head.head);
  if (map === 'layer') return layerRow(rows, head.layer, heads[head.layer]!, headFusion);
  return fuse(layerRows(rows, heads, headFusion), layerFusion);
}

/** Every layer's row, its heads fused. */
export function layerRows(rows: Rows, heads: readonly number[], fusion: Options['headFusion']): Float32Array[] {
  return heads.map((count, layer) => layerRow(rows, layer, count, fusion));
}

/** Rows of an array [layer, key]. */
export function rowsOf(values: Float32Array, layers: number): Float32Array[] {
  const size = values.length / layers;
  return Array.from({ length: layers }, (_, layer) => values.subarray(layer * size, (layer + 1) * size));
}

/** The patch part of a row over all tokens. */
export const patchesOf = (row: Float32Array, tokens: TokenInfo): Float32Array => row.subarray(tokens.prefix.length);

/** What the map is made of: `L9·H3`, `L9, max over heads`, or all parameters of a rollout. */
export function mapName(choice: MapChoice): string {
  const { map, head, headFusion, layerFusion } = choice;
  if (map === 'head') return headName(head);
  if (map === 'layer') return `L${head.layer}, ${headFusion} over heads`;
  if (map === 'layers') return `${headFusion} over heads, ${layerFusion} over layers`;
  return isClassMap(map) ? classMapName(map) : 'rollout';
}

/** `L9·H3 attends from CLS to each patch`; `rollout from CLS, mean over heads, residual 0.5, discard 0, from layer 0`. */
export function mapCaption(choice: MapChoice, tokens: TokenInfo, query: number, direction: Direction): string {
  const token = `${direction} ${tokenName(tokens, query)}`;
  const { headFusion, residual, discard, startLayer } = choice;
  const rolled = `${headFusion} over heads, residual ${plain(residual)}, discard ${plain(discard)}, from layer ${startLayer}`;
  if (choice.map === 'rollout') return `rollout ${token}, ${rolled}`;
  if (isClassMap(choice.map)) {
    // LeGrad has no query; all three are shown as shares of the map, for their own units say little.
    const of = `${mapName(choice)} of ${choice.className}, share of the map`;
    if (choice.map === 'legrad') return `${of}, ${legradWords(choice)}`;
    return choice.map === 'relevance' ? `${of}, ${token}, from layer ${startLayer}` : `${of}, ${token}, ${rolled}`;
  }
  const way = direction === 'from' ? `${token} to each patch` : `${token} from each patch`;
  return choice.map === 'head' ? `${mapName(choice)} attends ${way}` : `${mapName(choice)}: attention ${way}`;
}

/** `last 2 layers, score read from the mean of all tokens`. */
function legradWords({ legradLayers, legradReading }: MapChoice): string {
  const layers = legradLayers === 1 ? 'last layer' : `last ${legradLayers} layers`;
  return `${layers}, score read from ${legradReading === 'mean' ? 'the mean of all tokens' : 'the tokens that are classified'}`;
}

const plain = (value: number): string => String(Math.round(value * 1000) / 1000);

export interface MapScale {
  /** Value at the end of the colours. */
  readonly top: number;
  /** Patches beyond it. */
  readonly above: number;
  readonly most: number;
}

/** Where the colours of a map end; never below uniform attention, or nothing would look like much. */
export function scaleOf(patches: Float32Array, kind: Options['mapScale'], tokens: TokenInfo, shared: number): MapScale {
  const most = maximum(patches);
  const floor = uniformWeight(tokens);
  if (kind === 'absolute') return { top: 1, above: 0, most };
  if (kind === 'shared') return { top: Math.max(shared, most, floor), above: 0, most };
  if (kind === 'map') return { top: Math.max(most, floor), above: 0, most };
  const { top } = clipped(patches);
  const end = Math.max(top || 0, floor);
  return { top: end, above: patches.reduce((n, value) => n + Number(value > end), 0), most };
}

/** Where the colours of each layer's maps end when every head has a map of its own. */
export function layerTops(rows: Rows, heads: readonly number[], kind: Options['mapScale']): number[] {
  const tops = heads.map((_, layer) => layerTop(rows, layer));
  if (kind === 'absolute') return tops.map(() => 1);
  if (kind === 'shared') return tops.map(() => Math.max(...tops));
  if (kind === 'map') return tops;
  return heads.map((count, layer) => {
    const weights = Array.from({ length: count }, (_, head) => [...patchMap(rows, layer, head)]).flat();
    return Math.max(clipped(Float32Array.from(weights)).top || 0, uniformWeight(rows.tokens));
  });
}

/** A row as a table: token, attention. */
export function rowAsTsv(row: Float32Array, tokens: TokenInfo): string {
  const lines = Array.from({ length: tokenCount(tokens) }, (_, token) => {
    const value = row[token]!;
    return `${tokenName(tokens, token)}\t${value === value ? value : ''}`;
  });
  return ['token\tattention', ...lines].join('\n');
}

/** `0.0131 (2.6 × uniform 1/197)`. */
export function weightWords(value: number, count: number): string {
  return `${number(value)} (${number(value * count)} × uniform 1/${count})`;
}
