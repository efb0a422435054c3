// The six steps of the tour: what each says, and what it points at. Steps never block; a done one is ticked.
import { isEverything } from '../selection/scope';
import type { State } from '../selection/state';

export interface TourStep {
  readonly title: string;
  readonly text: string;
  readonly hint: string;
  /** What it points at: the first of these selectors that is on the page. */
  readonly at: readonly string[];
  /** The perspective the step is about. */
  readonly view: State['view'] | null;
  /** Whether the user has done what the hint says, since the step began. */
  readonly done: (now: State, before: State) => boolean;
}

const HEAD_GRID = '[data-pane="importance"]';

export const TOUR: readonly TourStep[] = [
  {
    title: 'Every head at a glance',
    text:
      'Layers run down, heads across. The colour of a cell says how much changes when that head is pruned; the ' +
      'inner square how alike this is over the images.',
    hint: 'Point at a cell to read its value.',
    at: [HEAD_GRID],
    view: 'explore',
    done: () => false,
  },
  {
    title: 'Choose a head',
    text: 'The head you choose is marked in every pane. Ctrl-click puts further heads beside it, to compare.',
    hint: 'Click a cell, or move by the arrow keys and press Enter.',
    at: [HEAD_GRID],
    view: 'explore',
    done: (now, before) => now.head !== before.head || now.heads !== before.heads,
  },
  {
    title: 'Where it attends',
    text:
      'Its curve says how strongly patches attend to patches k steps away: high on the left is local, high on the ' +
      'right is across the image. The inspector sums the head up.',
    hint: 'Follow the coloured curve, then read the inspector.',
    at: ['[data-pane="strength"]', '[data-pane="inspector"]'],
    view: 'explore',
    done: (now, before) => now.options !== before.options,
  },
  {
    title: 'Its pattern',
    text:
      'What its attention matrices look like, image by image: a diagonal means neighbours, a column means that all ' +
      'patches attend to one token. The bar says how often the head shows each pattern; content says whether the ' +
      'image decides. Without patterns, its mean matrix stands here.',
    hint: 'Choose a pattern, or another head, and see what changes.',
    at: ['[data-pane="patterns"]'],
    view: 'explore',
    done: (now, before) =>
      now.head !== before.head || now.patterns !== before.patterns || now.options !== before.options,
  },
  {
    title: 'On one image',
    text: 'Image shows one photograph with the head’s attention over it, and the same for all heads. Click a patch to ask from there.',
    hint: 'Open Image, then come back to Explore.',
    at: ['[data-tab="image"]'],
    view: null,
    done: (now) => now.view === 'image',
  },
  {
    title: 'Some images only',
    text:
      'Filters on the left, or an outline drawn around images on the map, set the scope: every number and pane ' +
      'follows, and n says how many images are left.',
    hint: 'Choose the wrong predictions, or draw an outline. Undo takes it back.',
    at: ['[data-pane="images"]', '[data-pane="filters"]'],
    view: 'explore',
    done: (now) => !isEverything(now.scope),
  },
];
