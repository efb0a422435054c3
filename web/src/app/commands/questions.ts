// The questions of the first minute: each is a real step on the page, and says what to look at there.
import { EVERYTHING } from '../../selection/scope';
import type { PaneName } from '../../ground/perspectives';
import type { Session } from '../../session/session.svelte';
import type { Intent } from '../../selection/state';

export interface Question {
  readonly text: string;
  readonly intent: Intent;
  /** Where the eye should go. */
  readonly hint: string;
  readonly pane: PaneName;
}

export function questions({ run, images }: Session): Question[] {
  const fresh = { view: 'explore', maximised: null, scope: EVERYTHING, head: null, heads: null } as const;
  const which: Question = {
    text: 'Which heads matter?',
    intent: {
      kind: 'preset',
      words: 'Which heads matter?',
      change: { ...fresh, metric: run.defaultMetric, mode: 'head' },
      options: { importance: 'matrix', statistic: 'mean' },
    },
    hint:
      'Head importance: the strongest colours are the heads whose pruning changes the answers most; a large inner ' +
      'square: by much the same on every image.',
    pane: 'importance',
  };
  const where: Question = {
    text: 'Where do they attend?',
    intent: { kind: 'preset', words: 'Where do they attend?', change: fresh, options: { strength: 'curves' } },
    hint:
      'Attention strength: the coloured curves are the chosen heads. High at small k: they attend to neighbours; ' +
      'high at large k: across the image.',
    pane: 'strength',
  };
  return [which, where, onAnImage(images.correct.includes(false))];
}

function onAnImage(someWrong: boolean): Question {
  const text = someWrong ? 'Why is an image wrong?' : 'And on one image?';
  const scope = { ...EVERYTHING, correct: someWrong ? ('wrong' as const) : ('all' as const) };
  return {
    text,
    intent: { kind: 'preset', words: text, change: { view: 'image', scope, image: null, head: null } },
    hint: someWrong
      ? 'The most confident wrong prediction: the colour shows where the head attends. Try the tiles of other ' +
        'heads, then the next image (N).'
      : 'The colour shows where the head attends on this image. Try the tiles of other heads, then the next image (N).',
    pane: 'picture',
  };
}
