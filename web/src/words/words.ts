// Every sentence the page prints, so that a test can read them. Numbers carry unit and n.
import type { ImageTable, MetricInfo, ModeInfo, ProgressInfo, RunInfo } from '../io/wire';
import { count, number, percent } from '../ground/numbers';
import { className, headName, shortName } from '../ground/run';
import type { Summary } from '../stats/kernels';
import type { Options } from '../selection/options';
import { optionName, valueWords } from './option_words';
import { quantityOf, shortOf } from '../ground/quantities';
import { EVERYTHING, isEverything, toggledClass, type Scope } from '../selection/scope';
import type { HeadRef } from '../ground/head_ref';
import { PANES, viewName } from '../ground/perspectives';
import type { Intent } from '../selection/state';
import { tokenName } from '../ground/tokens';

/** A metric's name where there is little room. */
export const shortMetric = (metric: MetricInfo): string => quantityOf(metric.name)?.short ?? metric.label;

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
  readonly statistic: Options['statistic'];
  /** The head's value on the focus image; null = it is told elsewhere. */
  readonly onImage: number | null;
}

const known = (value: number, metric: MetricInfo): string =>
  Number.isFinite(value) ? quantity(value, metric) : 'not computed';

/** `L9·H3 · Jensen-Shannon divergence, mean 0.042 bits`, and the lines below it. */
export function headTooltip(facts: HeadFacts): string[] {
  const { summary, index, metric } = facts;
  const n = summary.n[index]!;
  if (n === 0) return [facts.name, `${metric.label}: not computed for the images in scope`];
  const value = summary[facts.statistic][index]!;
  return [
    facts.name,
    `${metric.label}: ${facts.statistic} ${quantity(value, metric)}`,
    `interquartile range of the images: ${number(summary.q1[index])} to ${quantity(summary.q3[index]!, metric)}`,
    `consistency ${number(summary.consistency[index])} · rank ${facts.rank} of ${facts.heads} · n = ${count(n)} images`,
    `pruned: ${lowerFirst(facts.mode.label)}${facts.onImage === null ? '' : ` · this image: ${known(facts.onImage, metric)}`}`,
  ];
}

/** `wrong images inside the lasso with class tabby, confidence 60 % to 100 %`. */
export function scopeWords(scope: Scope, images: ImageTable): string {
  if (isEverything(scope)) return 'all images';
  const which = scope.correct === 'all' ? '' : `${scope.correct} `;
  const parts = scopeParts(scope, images).filter((part) => part.key !== 'correct' && part.key !== 'lasso');
  const inside = scope.lasso ? ' inside the lasso' : '';
  return `${which}images${inside}${parts.length ? ` with ${parts.map((part) => part.text).join(', ')}` : ''}`;
}

/** `of 800 · 11 wrong`, to follow `n = 52`: how many there are besides, and how many of those in scope the model gets wrong. */
export function countsInScope(rows: Int32Array, images: ImageTable, scope: Scope): string {
  let wrong = 0;
  let judged = 0;
  for (const row of rows) {
    if (images.correct[row] === null) continue;
    judged++;
    if (images.correct[row] === false) wrong++;
  }
  const readable = images.done.filter((done, row) => done && images.problem[row] === null).length;
  const all = isEverything(scope) ? '' : `of ${count(readable)}`;
  return judged && scope.correct === 'all' ? `${all} · ${count(wrong)} wrong` : all;
}

export interface ScopePart {
  readonly key: keyof Scope;
  readonly text: string;
  /** The scope without this condition. */
  readonly without: Partial<Scope>;
}

/** The conditions of a scope in words, each with what takes it away. */
export function scopeParts(scope: Scope, images: ImageTable): ScopePart[] {
  const name = (number: number): string => shortName(images, number);
  const parts: ScopePart[] = scope.classes.map((target) => {
    const words = className(images, target) === `class ${target}` ? `class ${target}` : `class ${name(target)}`;
    return { key: 'classes', text: words, without: { classes: toggledClass(scope, target) } };
  });
  if (scope.correct !== 'all') {
    parts.push({
      key: 'correct',
      text: scope.correct === 'right' ? '● right' : '✕ wrong',
      without: { correct: 'all' },
    });
  }
  if (scope.confidence) {
    const [low, high] = scope.confidence;
    const text = high >= 1 ? `confidence from ${percent(low)}` : `confidence ${percent(low)} to ${percent(high)}`;
    parts.push({ key: 'confidence', text, without: { confidence: null } });
  }
  if (scope.pair) {
    const text = `true ${name(scope.pair[0])}, predicted ${name(scope.pair[1])}`;
    parts.push({ key: 'pair', text, without: { pair: null } });
  }
  if (scope.range) {
    const { metric, head, low, high } = scope.range;
    parts.push({
      key: 'range',
      text: `${shortOf(metric)} of ${headName(head)} ${number(low)} to ${number(high)}`,
      without: { range: null },
    });
  }
  if (scope.lasso) parts.push({ key: 'lasso', text: 'inside the lasso', without: { lasso: null } });
  return parts;
}

/** What an intent does, for the list of steps. */
export function intentWords(intent: Intent, run: RunInfo, images: ImageTable): string {
  switch (intent.kind) {
    case 'view':
      return intent.view === 'image' ? 'Open the image' : `Go to ${viewName(intent.view)}`;
    case 'maximise':
      return intent.pane ? `${PANES[intent.pane].title}: whole work area` : 'Show all panes';
    case 'metric':
      return `Measure: ${run.metrics.find((metric) => metric.name === intent.metric)?.label ?? intent.metric}`;
    case 'mode':
      return `Pruned: ${run.modes.find((mode) => mode.name === intent.mode)?.label ?? intent.mode}`;
    case 'scope': {
      const parts = scopeParts({ ...EVERYTHING, ...intent.scope }, images);
      return parts.length ? `Images: ${parts.map((part) => part.text).join(', ')}` : 'Images: a condition less';
    }
    case 'image':
      return `Image #${intent.image}`;
    case 'head':
      return `Head ${headName(intent.head)}`;
    case 'toggle-head':
      return `${headName(intent.head)} in or out of the set`;
    case 'heads':
      return intent.heads ? `${intent.heads.length} heads chosen` : 'Heads: the top three';
    case 'patterns':
      if (!intent.set) return 'Patterns: none chosen';
      return intent.set.kind === 'lasso'
        ? 'Patterns inside an outline'
        : `${intent.set.clusters.length} patterns chosen`;
    case 'toggle-pattern':
      return 'A pattern in or out of the set';
    case 'prune':
      return intent.heads.length
        ? `Prune ${intent.heads.length === 1 ? headName(intent.heads[0]!) : `${intent.heads.length} heads`} in the Lab`
        : 'Prune nothing';
    case 'toggle-pruned':
      return `${headName(intent.head)} pruned or not`;
    case 'query':
      return `Query ${tokenName(run.tokens, intent.query)}`;
    case 'direction':
      return `Attention ${intent.direction} the query`;
    case 'option':
      return `${optionName(intent.key)}: ${valueWords(intent.key, intent.value)}`;
    case 'preset':
      return intent.words;
    case 'back':
      return 'Clear a selection';
  }
}

export interface HeadlineParts {
  /** The head that a headline begins with; null when it names none. */
  readonly head: HeadRef | null;
  /** What follows the head's name: the answer, and what more is known of the head. */
  readonly answer: string;
  readonly more: string;
}

/** `L2·H0 matters most: …; its patches attend …` as its head and the two things said of it. */
export function headlineParts(text: string): HeadlineParts {
  const found = /^L(\d+)·H(\d+)/.exec(text);
  const rest = found ? text.slice(found[0].length) : text;
  const cut = rest.indexOf('; ');
  return {
    head: found ? { layer: Number(found[1]), head: Number(found[2]) } : null,
    answer: cut < 0 ? rest : `${rest.slice(0, cut)}.`,
    more: cut < 0 ? '' : rest.charAt(cut + 2).toUpperCase() + rest.slice(cut + 3),
  };
}

export interface ImageProblem {
  readonly image: number;
  readonly name: string;
  readonly text: string;
  /** It could not be read; otherwise an oddity was handled. */
  readonly skipped: boolean;
}

/** The images that were skipped or need a word, in their order. */
export function imageProblems(images: ImageTable): ImageProblem[] {
  return images.name.flatMap((name, image) => {
    const text = images.problem[image] ?? images.note[image];
    return text ? [{ image, name, text, skipped: images.problem[image] !== null }] : [];
  });
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
  if (progress.idleSeconds > QUIET_SECONDS)
    return `${images} · waiting: no new results for ${duration(progress.idleSeconds)}`;
  const current = progress.groups.find((group) => group.done < group.total);
  if (!current) return images;
  const left = current.secondsLeft ? ` · ${duration(current.secondsLeft)} left` : '';
  return `${images} · ${GROUPS[current.name] ?? current.name} ${current.done} of ${current.total} shards${left}`;
}

/** Share of the work that is done, in [0, 1]. */
export function progressShare(progress: ProgressInfo): number {
  return progress.totalUnits === 0 ? 1 : progress.doneUnits / progress.totalUnits;
}

/** `Whole head` within a sentence; `CLS` and `Jensen-Shannon` keep their capitals. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]+\b(?!-[A-Z])/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
