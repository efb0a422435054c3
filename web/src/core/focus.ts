// What the app looks at when the user has not said: which image comes first, and which attention can be had.
import type { ImageTable, RunInfo } from '../io/wire';
import { needsModel } from './reasons';
import { EVERYTHING, rowsInScope } from './scope';
import type { HeadRef } from './head_ref';
import type { Direction, State } from './state';
import { defaultQuery, tokenName } from './tokens';

export interface ClassCount {
  readonly target: number;
  readonly name: string;
  readonly n: number;
}

/** The classes that occur among the images that are done, by name. */
export function classCounts(images: ImageTable): ClassCount[] {
  const counts = new Map<number, number>();
  for (const row of rowsInScope(images, EVERYTHING).rows) {
    const target = images.target[row]!;
    if (target >= 0) counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  const list = [...counts].map(([target, n]) => ({ target, name: shortName(images, target), n }));
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

export function className(images: ImageTable, number: number): string {
  return images.classNames[String(number)] ?? `class ${number}`;
}

/** The first of a class's synonyms: `backpack` of `backpack, back pack, knapsack`. */
export const shortName = (images: ImageTable, number: number): string => className(images, number).split(',')[0]!;

/**
 * The image to start with: the most confident wrong one, because it asks for an explanation; else the one on which
 * pruning changes most over all heads. Null when nothing is in scope.
 */
export function firstImage(images: ImageTable, rows: Int32Array, totals: Float32Array | null): number | null {
  let best: number | null = null;
  for (const row of rows) {
    if (images.correct[row] !== false) continue;
    if (best === null || (images.probability[row] ?? 0) > (images.probability[best] ?? 0)) best = row;
  }
  if (best !== null || !totals) return best ?? rows[0] ?? null;
  let most = -Infinity;
  for (const row of rows) if (totals[row]! > most) [best, most] = [row, totals[row]!];
  return best ?? rows[0] ?? null;
}

/** The row `step` places further in the list, from a row that need not be in it; stays at the ends. */
export function neighbour(rows: Int32Array, row: number | null, step: 1 | -1): number | null {
  const at = row === null ? -1 : rows.indexOf(row);
  if (at >= 0) return rows[Math.max(0, Math.min(rows.length - 1, at + step))] ?? null;
  const following = rows.findIndex((other) => other > (row ?? -1));
  return (step > 0 ? rows[following] : rows[(following < 0 ? rows.length : following) - 1]) ?? rows[0] ?? null;
}

/** Width of a row of head values: every layer has room for the largest number of heads. */
export const maxHeads = (run: RunInfo): number => Math.max(...run.model.nHeads);

export const headIndex = (run: RunInfo, { layer, head }: HeadRef): number => layer * maxHeads(run) + head;

export function headAt(run: RunInfo, index: number): HeadRef {
  return { layer: Math.floor(index / maxHeads(run)), head: index % maxHeads(run) };
}

export const headName = ({ layer, head }: HeadRef): string => `L${layer}·H${head}`;

/** Whether there is a picture of an image: it is done and was not skipped, or is the user's own. */
export const hasPicture = (images: ImageTable, image: number): boolean =>
  image >= images.name.length || (images.done[image] === true && images.problem[image] === null);

export type Answer =
  { readonly kind: 'yes' } | { readonly kind: 'no'; readonly reason: string; readonly command: string | null };

const YES: Answer = { kind: 'yes' };

/** Whether the attention of a token of an image can be shown, or why not and what would make it so. */
export function attentionAnswer(
  run: RunInfo,
  images: ImageTable,
  image: number,
  query: number,
  direction: Direction,
): Answer {
  const { capabilities, tokens } = run;
  const stuck = notAnalysed(run, images, image);
  if (stuck) return stuck;
  if (capabilities.live || capabilities.featured.includes(image)) return YES;
  if (capabilities.clsRows && query === tokens.cls && direction === 'from') return YES;
  const asked = `Attention ${direction} ${tokenName(tokens, query)}`;
  const stored = capabilities.clsRows
    ? 'only attention from CLS is, and everything for the featured images'
    : 'only the featured images are';
  return unanswered(capabilities, `${asked} is not stored for this image: ${stored}.`, 'any token of any image');
}

/** Whether whole matrices of an image can be had, for its exact matrix and for rollout; `what` begins a sentence. */
export function matrixAnswer(run: RunInfo, images: ImageTable, image: number, what: string): Answer {
  const { capabilities } = run;
  const stuck = notAnalysed(run, images, image);
  if (stuck) return stuck;
  if (capabilities.live || capabilities.featured.includes(image)) return YES;
  return unanswered(
    capabilities,
    `${what} needs whole matrices: stored only for the featured images (★).`,
    'any image',
  );
}

/** Not stored: the model would answer, where a command can load it. */
function unanswered(capabilities: RunInfo['capabilities'], sentence: string, most: string): Answer {
  const { text, command } = needsModel(capabilities, sentence);
  return {
    kind: 'no',
    reason: command === null ? text : `${text} With the model loaded, ${most} can be asked for.`,
    command,
  };
}

/** Why there is no attention of an image at all; null where there is. An image of the user's own needs the model. */
function notAnalysed(run: RunInfo, images: ImageTable, image: number): Answer | null {
  if (isOwn(run, image)) {
    if (run.capabilities.live) return null;
    const { text, command } = needsModel(run.capabilities, 'An image that is not in the run needs the model.');
    return { kind: 'no', reason: text, command };
  }
  const problem = images.problem[image];
  if (problem) return { kind: 'no', reason: `This image was skipped: ${problem}.`, command: null };
  return images.done[image] ? null : { kind: 'no', reason: 'This image has not been analysed yet.', command: null };
}

/** Images of the user's own follow those of the run. */
export const isOwn = (run: RunInfo, image: number): boolean => image >= run.nImages;

/** The query in force: the chosen one or the layout's default. */
export const queryOf = (state: State, run: RunInfo): number => state.query ?? defaultQuery(run.tokens);
