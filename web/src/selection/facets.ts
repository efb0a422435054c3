// What the filters print: each condition counts the images that meet all the others, so that a count says what a click gives.
import type { ImageTable } from '../io/wire';
import { shortName } from '../ground/run';
import { EVERYTHING, type Scope } from './scope';

/** Rows that meet the scope once some of its conditions are changed. */
export type RowsOf = (change: Partial<Scope>) => Int32Array;

export interface ClassFacet {
  readonly target: number;
  readonly name: string;
  /** Images of the class that meet the other conditions, and in the run. */
  readonly n: number;
  readonly total: number;
}

/** Classes that occur in the run, those with most images in `others` first, then those with most in the run. */
export function classFacets(classes: readonly ClassTotal[], images: ImageTable, others: Int32Array): ClassFacet[] {
  const counts = tally(others, images.target);
  return classes
    .map(({ target, name, total }) => ({ target, name, total, n: counts.get(target) ?? 0 }))
    .sort((a, b) => b.n - a.n);
}

export type ClassTotal = Omit<ClassFacet, 'n'>;

/** Classes that occur in the run, those with most images first: the same whatever is in scope. */
export function classTotals(images: ImageTable, every: Int32Array): ClassTotal[] {
  return [...tally(every, images.target)]
    .filter(([target]) => target >= 0)
    .map(([target, total]) => ({ target, name: shortName(images, target), total }))
    .sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
}

function tally(rows: Int32Array, column: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(column[row]!, (counts.get(column[row]!) ?? 0) + 1);
  return counts;
}

export interface CorrectFacet {
  readonly right: number;
  readonly wrong: number;
  /** Images without label or prediction: neither right nor wrong. */
  readonly unlabelled: number;
}

export function correctFacet(images: ImageTable, others: Int32Array): CorrectFacet {
  let [right, wrong, unlabelled] = [0, 0, 0];
  for (const row of others) {
    const correct = images.correct[row];
    if (correct === true) right++;
    else if (correct === false) wrong++;
    else unlabelled++;
  }
  return { right, wrong, unlabelled };
}

/** Images in each of `bins` equal steps of the probability of the predicted class. */
export function confidenceFacet(images: ImageTable, others: Int32Array, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const row of others) {
    const probability = images.probability[row];
    if (typeof probability === 'number') counts[Math.min(bins - 1, Math.floor(probability * bins))]!++;
  }
  return counts;
}

export interface Confusion {
  /** Classes of the rows (true) and columns (predicted). */
  readonly classes: readonly number[];
  /** Images of each true class (row) and predicted class (column). */
  readonly counts: readonly (readonly number[])[];
}

/** The confusion matrix of the classes of the most confused pairs, at most `most` classes. */
export function confusion(images: ImageTable, others: Int32Array, most: number): Confusion {
  const pairs = new Map<string, { label: number; prediction: number; n: number }>();
  for (const row of others) {
    const [label, prediction] = [images.label[row]!, images.prediction[row]!];
    if (label < 0 || prediction < 0) continue;
    const pair = pairs.get(`${label}/${prediction}`) ?? { label, prediction, n: 0 };
    pair.n++;
    pairs.set(`${label}/${prediction}`, pair);
  }
  const wrong = [...pairs.values()].filter(({ label, prediction }) => label !== prediction);
  wrong.sort((a, b) => b.n - a.n || a.label - b.label || a.prediction - b.prediction);
  const chosen = new Set<number>();
  for (const { label, prediction } of wrong) {
    const added = [label, prediction].filter((target) => !chosen.has(target));
    if (chosen.size + added.length <= most) added.forEach((target) => chosen.add(target));
  }
  const classes = [...chosen].sort((a, b) => a - b);
  const counts = classes.map((label) => classes.map((prediction) => pairs.get(`${label}/${prediction}`)?.n ?? 0));
  return { classes, counts };
}

export interface Help {
  readonly text: string;
  readonly action: string;
  readonly change: Partial<Scope>;
}

const CONDITIONS: readonly { key: keyof Scope; name: string }[] = [
  { key: 'correct', name: 'the correctness filter' },
  { key: 'confidence', name: 'the confidence filter' },
  { key: 'pair', name: 'the confusion filter' },
  { key: 'range', name: 'the range of values' },
  { key: 'lasso', name: 'the lasso' },
  { key: 'classes', name: 'the class filter' },
];

/** Why no image is in scope, and the one condition without which there are some; `words` names the scope. */
export function emptyHelp(scope: Scope, words: string, rowsOf: RowsOf): Help {
  const text = `There are no ${words}.`;
  for (const { key, name } of CONDITIONS) {
    if (JSON.stringify(scope[key]) === JSON.stringify(EVERYTHING[key])) continue;
    const change = { [key]: EVERYTHING[key] } as Partial<Scope>;
    if (rowsOf(change).length) return { text, action: `Clear ${name}`, change };
  }
  return { text, action: 'Show all images', change: EVERYTHING };
}

/** Images whose number is, or whose name contains, what is looked for; the exact number comes first. */
export function findImages(images: ImageTable, text: string, most: number): number[] {
  const wanted = text.trim().replace(/^#/, '').toLowerCase();
  if (!wanted) return [];
  const number = /^\d{1,9}$/.test(wanted) ? Number(wanted) : NaN;
  const found = number < images.name.length ? [number] : [];
  for (let row = 0; row < images.name.length && found.length < most; row++) {
    if (row !== number && images.name[row]!.toLowerCase().includes(wanted)) found.push(row);
  }
  return found;
}
