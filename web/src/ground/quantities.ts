// Looking things up in the table of quantities, which is generated from Python.
import {
  QUANTITIES,
  type LayerMetric,
  type PatternColumn,
  type Quantity,
  type StrengthName,
} from '../io/quantities.gen';
import type { MetricInfo } from '../io/wire';

const BY_NAME = new Map(QUANTITIES.map((row) => [row.name, row]));

/** The row of a name; undefined for one that this page does not know. */
export const quantityOf = (name: string): Quantity | undefined => BY_NAME.get(name);

/** Unit of a value in words; empty where there is none. */
export const unitOf = (name: string): string => BY_NAME.get(name)?.unit ?? '';

/** A name where there is little room. */
export const shortOf = (name: string): string => BY_NAME.get(name)?.short ?? name;

const namesOf = <Name extends string>(wanted: (row: Quantity) => boolean): readonly Name[] =>
  QUANTITIES.filter(wanted).map((row) => row.name as Name);

/** The metrics of the pruned layer's own output. */
export const LAYER_METRICS = namesOf<LayerMetric>((row) => row.kind === 'metric' && row.family === 'layer');
export const STRENGTHS = namesOf<StrengthName>((row) => row.kind === 'strength');
export const PATTERN_COLUMNS = namesOf<PatternColumn>((row) => row.kind === 'pattern');

/** The metric that answers which heads matter: the first of those made for ranking that the run has. */
export const rankingMetric = (metrics: readonly MetricInfo[]): MetricInfo | undefined =>
  metrics.find(({ name, available }) => available && quantityOf(name)?.ranks.length);

/** The run's metrics of the layer. */
export const layerMetrics = (metrics: readonly MetricInfo[]): MetricInfo[] =>
  metrics.filter(({ family, available }) => available && family === 'layer');

/** Metrics to stand side by side: the one that ranks, the first signed one, those of the layer. */
export function sideBySide(metrics: readonly MetricInfo[]): MetricInfo[] {
  const signed = metrics.find(({ available, signed, family }) => available && signed && family === 'output');
  return [rankingMetric(metrics), signed, ...layerMetrics(metrics)].filter((metric) => metric !== undefined);
}
