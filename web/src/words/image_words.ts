// What the page says of one image: its tooltip, its columns in the list, and the words of the maps.
import type { ImageTable, MetricInfo, RunInfo } from '../io/wire';
import { headAt, headName, shortName } from '../ground/run';
import type { Options } from '../selection/options';
import type { HeadRef } from '../ground/head_ref';
import { count, percent, tickNumber } from '../ground/numbers';
import { quantity } from './words';

/** The head with the largest effect on an image (by size); null when none is computed. */
export function topHead(
  run: RunInfo,
  values: Float32Array | null,
  cells: number,
  row: number,
): { head: HeadRef; value: number } | null {
  let [best, most] = [-1, -1];
  for (let cell = 0; values && cell < cells; cell++) {
    const size = Math.abs(values[row * cells + cell] ?? NaN);
    if (size > most) [best, most] = [cell, size];
  }
  return best < 0 ? null : { head: headAt(run, best), value: values![row * cells + best]! };
}

export const fileName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

export interface ImageFacts {
  readonly run: RunInfo;
  readonly images: ImageTable;
  readonly values: Float32Array | null;
  readonly cells: number;
  readonly metric: MetricInfo;
}

/** `#1234 n0212.JPEG`, `✕ true tabby, predicted tiger cat 61.2 %`, `top head L9·H3: 0.31 bits`. */
export function imageTooltip({ run, images, values, cells, metric }: ImageFacts, row: number): string[] {
  const lines = [`#${row} ${fileName(images.name[row] ?? '')}`];
  const [label, prediction] = [images.label[row] ?? -1, images.prediction[row] ?? -1];
  const parts: string[] = [];
  if (label >= 0) parts.push(`true ${shortName(images, label)}`);
  if (prediction >= 0) parts.push(`predicted ${shortName(images, prediction)} ${percent(images.probability[row])}`);
  if (parts.length) lines.push(`${sign(images.correct[row])}${parts.join(' · ')}`);
  const top = topHead(run, values, cells, row);
  if (top) lines.push(`top head ${headName(top.head)}: ${quantity(top.value, metric)}`);
  return lines;
}

const sign = (correct: boolean | null | undefined): string => (correct === true ? '● ' : correct === false ? '✕ ' : '');

/** `n = 52 of 800`, or `n = 800` when all are in scope. */
export function nWords(inScope: number, all: number): string {
  return inScope === all ? `n = ${count(all)}` : `n = ${count(inScope)} of ${count(all)}`;
}

const NEIGHBOURS = 10; // as the server computes both

/** How far the neighbourhoods of a map can be trusted. */
export function trustWords({ trustworthiness, continuity }: { trustworthiness: number; continuity: number }): string {
  if (!Number.isFinite(trustworthiness)) return 'trustworthiness not known';
  const share = (value: number): string => value.toFixed(2).replace(/^0/, '');
  return `trustworthiness ${share(trustworthiness)}, continuity ${share(continuity)}, ${NEIGHBOURS} neighbours`;
}

export const LAYOUTS: readonly { readonly value: Options['layout']; readonly label: string }[] = [
  { value: 'importance/pca', label: 'Importance PCA' },
  { value: 'importance/tsne', label: 'Importance t-SNE' },
  { value: 'embedding/pca', label: 'Embedding PCA' },
  { value: 'embedding/tsne', label: 'Embedding t-SNE' },
  { value: 'scalars', label: 'Two numbers' },
  { value: 'sheet', label: 'Contact sheet' },
  { value: 'list', label: 'List' },
];

/** Why a layout is not to be had for this run; empty when it is. */
export function layoutReason({ capabilities }: RunInfo, layout: Options['layout']): string {
  if (!layout.includes('/') || capabilities.layouts.includes(layout)) return '';
  if (layout.startsWith('embedding') && !capabilities.embedding)
    return 'no embedding in this run: analyse again with this version';
  if (layout.endsWith('tsne')) return `computed for at most ${count(capabilities.tsneLimit)} images`;
  return 'not computed for this run yet';
}

/** What an axis of two numbers shows, with its unit. */
export function axisWords(axis: Options['xAxis'], metric: MetricInfo, head: HeadRef): string {
  const unit = metric.unit ? ` (${metric.unit})` : '';
  if (axis === 'confidence') return 'Confidence (%)';
  if (axis === 'total') return `Sum over heads${unit}`;
  if (axis === 'head') return `${headName(head)}${unit}`;
  return `Distance ${headName(head)} (px)`;
}

/** A number beside a tick of an axis. */
export function tickWords(axis: Options['xAxis'], value: number): string {
  return axis === 'confidence' ? String(Math.round(100 * value)) : tickNumber(value);
}
