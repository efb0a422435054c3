// Which attention of an image can be had, or why not and what would make it so.
import { isOwn } from '../ground/run';
import { tokenName } from '../ground/tokens';
import type { ImageTable, RunInfo } from '../io/wire';
import type { Direction } from '../selection/state';
import { needsModel } from './reasons';

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

/** Whether maps of a class can be had of an image, or why not. */
export function classMapAnswer(run: RunInfo, images: ImageTable, image: number): Answer {
  const { capabilities, model } = run;
  if (!model.nClasses)
    return { kind: 'no', reason: 'Maps of a class need a classifier, and this model has none.', command: null };
  if (capabilities.live) return matrixAnswer(run, images, image, 'A map of a class');
  const { text, command } = needsModel(capabilities, 'Maps of a class are not stored: their gradients need the model.');
  return { kind: 'no', reason: text, command };
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
