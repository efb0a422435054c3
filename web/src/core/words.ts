// Every number and sentence the page prints, so that a test can read them. Numbers carry unit and n.
import type { ImageTable, MetricInfo, ModeInfo, ProgressInfo } from '../io/wire';
import { className } from './focus';
import type { Summary } from './kernels';
import type { Scope, Statistic } from './state';

const MINUS = '\u2212';

/** Three significant digits; a dash for what there is not. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  let text: string;
  if (size >= 999.5) text = Math.round(size).toLocaleString('en-US');
  else if (size >= 1e-4) text = size.toPrecision(3);
  else {
    const [digits, exponent] = size.toExponential(1).split('e') as [string, string];
    text = `${digits}·10${superscript(exponent.replace('+', ''))}`;
  }
  return value < 0 ? MINUS + text : text;
}

/** A share as `61.2 %`, below one percent as `0.32 %`; what is not 0 never reads 0. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  if (share > 0 && share < 5e-5) return '< 0.01 %';
  return `${(100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 1)} %`;
}

export const count = (n: number): string => n.toLocaleString('en-US');

/** A value with its unit. */
export function quantity(value: number, metric: MetricInfo): string {
  return metric.unit && Number.isFinite(value) ? `${number(value)} ${metric.unit}` : number(value);
}

export interface HeadFacts {
  readonly name: string;
  readonly metric: MetricInfo;
  readonly mode: ModeInfo;
  readonly summary: Summary;
  readonly index: number;
  readonly rank: number;
  readonly heads: number;
  readonly statistic: Statistic;
  /** The head's value on the focus image. */
  readonly onImage: number;
}

/** `L9·H3 · Jensen-Shannon divergence, mean 0.042 bits`, and the lines below it. */
export function headTooltip(facts: HeadFacts): string[] {
  const { summary, index, metric } = facts;
  const n = summary.n[index]!;
  if (n === 0) return [facts.name, `${metric.label}: not computed for the images in scope`];
  const value = summary[facts.statistic][index]!;
  return [
    facts.name,
    `${metric.label}: ${facts.statistic} ${quantity(value, metric)}`,
    `middle half of the images: ${number(summary.q1[index])} to ${quantity(summary.q3[index]!, metric)}`,
    `consistency ${number(summary.consistency[index])} · rank ${facts.rank} of ${facts.heads} · n = ${count(n)} images`,
    `pruned: ${lowerFirst(facts.mode.label)} · this image: ${
      Number.isFinite(facts.onImage) ? quantity(facts.onImage, metric) : 'not computed'
    }`,
  ];
}

/** `wrong images of class tabby`. */
export function scopeWords(scope: Scope, images: ImageTable): string {
  const which = scope.correct === 'all' ? '' : `${scope.correct} `;
  const name = scope.target === null ? '' : className(images, scope.target);
  const of = name && ` of ${/^class \d+$/.test(name) ? '' : 'class '}${name}`;
  return scope.target === null && scope.correct === 'all' ? 'all images' : `${which}images${of}`;
}

/** `1 min 20 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const GROUPS: Record<string, string> = { head: 'whole heads', featured: 'featured images', partial: 'parts of heads' };
const QUIET_SECONDS = 90;

/** What is going on with the run, in one line. */
export function progressWords(progress: ProgressInfo): string {
  if (progress.state === 'complete') return `complete · n = ${count(progress.nDone)}`;
  const images = `n = ${count(progress.nDone)} of ${count(progress.nImages)}`;
  if (progress.idleSeconds > QUIET_SECONDS) return `${images} · waiting: no new results for ${duration(progress.idleSeconds)}`;
  const current = progress.groups.find((group) => group.done < group.total);
  if (!current) return images;
  const left = current.secondsLeft ? ` · ${duration(current.secondsLeft)} left` : '';
  return `${images} · ${GROUPS[current.name] ?? current.name} ${current.done} of ${current.total} shards${left}`;
}

/** Share of the work that is done, in [0, 1]. */
export function progressShare(progress: ProgressInfo): number {
  return progress.totalUnits === 0 ? 1 : progress.doneUnits / progress.totalUnits;
}

/** `Whole head` within a sentence; `CLS` keeps its capitals. */
const lowerFirst = (text: string): string => (/^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text);

function superscript(digits: string): string {
  return [...digits].map((digit) => (digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)])).join('');
}
