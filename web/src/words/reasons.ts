// Why something is not there, in one sentence each; empty where it is there. A sentence names a cause only where it holds.
import type { ImageTable, RunInfo } from '../io/wire';

const NOT_YET = 'No image has been analysed yet.';
const SKIPPED = 'All images analysed so far were skipped.';
/** Of a run whose model no command can load. */
export const NOT_BY_NAME =
  'This run was made in Python from a module at hand, which no command can load: ask there, with ' +
  'vitscope.attention, vitscope.prune and the like.';

const pending = (images: ImageTable): string => (images.done.some(Boolean) ? SKIPPED : NOT_YET);

/** Why a run tells no classes: there is no classifier, or effects are measured on other values of the output. */
const withoutClasses = (run: RunInfo): string =>
  run.model.readout === 'values' ? 'Effects are measured on values' : 'The model has no classifier';

/** Why no image has a confidence. */
export function noConfidence(run: RunInfo, images: ImageTable): string {
  if (images.probability.some((value) => value !== null)) return '';
  return run.model.nClasses === null ? `${withoutClasses(run)}, so there is no confidence.` : pending(images);
}

/** Why no image is right or wrong. */
export function noCorrectness(run: RunInfo, images: ImageTable): string {
  if (images.correct.some((value) => value !== null)) return '';
  if (run.model.nClasses === null) return `${withoutClasses(run)}, so no answer is right or wrong.`;
  if (!images.label.some((label) => label >= 0)) return 'No labels in this run: an image is neither right nor wrong.';
  const met = images.label.some((label, image) => label >= 0 && images.done[image] && images.problem[image] === null);
  return met || images.done.every(Boolean) || !images.done.some(Boolean)
    ? pending(images)
    : 'No labelled image has been analysed yet.';
}

/** Why no image has a class. */
export function noClasses(run: RunInfo, images: ImageTable): string {
  if (images.target.some((target, image) => target >= 0 && images.done[image] && images.problem[image] === null))
    return '';
  return run.model.nClasses === null ? `${withoutClasses(run)}: images are not told apart by class.` : pending(images);
}

/** What is said in the place of label and prediction of an image that has neither. */
export function noAnswer(run: RunInfo, images: ImageTable, image: number): string {
  if (images.problem[image]) return 'skipped';
  if (images.done[image] === false) return 'not analysed yet';
  if (run.model.readout === 'values') return 'no label and no class';
  return run.model.nClasses === null ? 'no label and no classifier' : 'no label and no prediction';
}

/** A sentence about what the model would answer, and what can be done where it is not loaded. */
export function needsModel(
  capabilities: { readonly liveCommand: string | null },
  sentence: string,
): { text: string; command: string | null } {
  const command = capabilities.liveCommand;
  return { text: command === null ? `${sentence} ${NOT_BY_NAME}` : sentence, command };
}

/** What the page says while the server does not answer, and what happens when it does again. */
export const outageWords = (failure: { readonly message: string; readonly hint: string }): string =>
  `${failure.message} ${failure.hint} The page continues when the server is back; a job that was running has to be run again.`;
