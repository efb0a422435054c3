// The commands of the palette: everything the page can do, by name, so that help, palette and keys agree.
import { classCounts } from '../../selection/focus';
import { headAt, headIndex, headName } from '../../ground/run';
import { optionName, valueWords } from '../../words/option_words';
import { OPTIONS } from '../../selection/options';
import { PANES, PERSPECTIVES, WHOLE_PANES, type View, type WholePane } from '../../ground/perspectives';
import { EVERYTHING } from '../../selection/scope';
import type { Intent, State } from '../../selection/state';
import { count, number } from '../../ground/numbers';
import type { RunInfo } from '../../io/wire';
import { copyLink } from '../../session/page/copy_link';
import type { Session } from '../../session/session.svelte';
import { theme } from '../../session/page/theme.svelte';

export interface Command {
  readonly name: string;
  /** As printed: `g e`, `Ctrl Z`. */
  readonly keys?: string;
  /** Beside the name: a value, a number of images. */
  readonly note?: string;
  readonly group: string;
  /** Too many to be listed before anything is typed. */
  readonly searched?: boolean;
  readonly run: () => void;
}

const onMac = typeof navigator !== 'undefined' && /mac/i.test(navigator.platform);

/** Keys as this system prints them: `Ctrl K` is ⌘K on a Mac. */
export const printed = (keys: string): string => (onMac ? keys.replace('Ctrl ', '⌘').replace('Shift ', '⇧') : keys);

/** Everything the palette offers for a run and its state. */
export function commands(session: Session): Command[] {
  const { run, state } = session;
  const { show } = session.shell;
  const send = (intent: Intent) => () => session.send(intent);
  return [
    ...PERSPECTIVES.map(({ view, name, what, key }) => ({
      group: 'Go to',
      name: `${name}: ${what}`,
      keys: `g ${key}`,
      run: send({ kind: 'view', view }),
    })),
    ...panes(state).map(({ pane, name }) => ({
      group: 'Go to',
      name,
      run: send({ kind: 'preset', words: name, change: { view: 'explore', maximised: pane } }),
    })),
    { group: 'History', name: 'Undo', keys: 'Ctrl Z', run: session.undo },
    { group: 'History', name: 'Redo', keys: 'Ctrl Shift Z', run: session.redo },
    { group: 'Images', name: 'Show all images', run: send({ kind: 'scope', scope: EVERYTHING }) },
    { group: 'Images', name: 'Show wrong images only', run: send({ kind: 'scope', scope: { correct: 'wrong' } }) },
    { group: 'Images', name: 'Show right images only', run: send({ kind: 'scope', scope: { correct: 'right' } }) },
    { group: 'Heads', name: 'Back to the top three heads', run: send({ kind: 'heads', heads: null }) },
    ...measures(run).map(({ label, metric }) => ({
      group: 'Measure',
      name: label,
      run: send({ kind: 'metric', metric }),
    })),
    ...parts(run).map(({ label, mode }) => ({ group: 'Pruned part', name: label, run: send({ kind: 'mode', mode }) })),
    ...views(session),
    { group: 'Page', name: 'Copy a link to this view', run: () => void copyLink(session) },
    { group: 'Page', name: 'Light or dark theme', run: theme.toggle },
    { group: 'Page', name: 'Keys and glossary', keys: '?', run: show.help },
    { group: 'Page', name: 'Take the tour', run: show.tour },
    { group: 'Page', name: 'Show the headline and its questions', run: show.headline },
    ...patterns(session),
    ...heads(session),
    ...classes(session),
    ...images(session),
  ];
}

function panes(state: State): { pane: WholePane | null; name: string }[] {
  const all = WHOLE_PANES.map((pane) => ({
    pane,
    name: `${PANES[pane].title}: whole work area`,
  }));
  return state.maximised ? [{ pane: null, name: 'All four panes' }, ...all] : all;
}

const measures = (run: RunInfo) =>
  run.metrics.filter((metric) => metric.available).map(({ name, label }) => ({ label, metric: name }));
const parts = (run: RunInfo) =>
  run.modes.filter((mode) => mode.available).map(({ name, label }) => ({ label, mode: name }));

/** What a pane shows: each value of its option. */
function views(session: Session): Command[] {
  const absent: readonly string[] = session.patterns ? [] : ['patterns', 'patternColour'];
  type Key = (typeof PERSPECTIVES)[number]['choices'][number];
  const choices = (key: Key, view: View): Command[] =>
    OPTIONS[key].values.map((value) => {
      const words = `${optionName(key)}: ${valueWords(key, value)}`;
      const run = () => session.send({ kind: 'preset', words, change: { view }, options: { [key]: value } });
      return { group: 'View', name: words, run };
    });
  return PERSPECTIVES.flatMap(({ view, choices: offered }) =>
    offered.filter((key) => !absent.includes(key)).flatMap((key) => choices(key, view)),
  );
}

/** Each pattern by name. */
function patterns({ patterns: model, send }: Session): Command[] {
  const all = model?.clusters ?? [];
  return [
    ...all.map(({ id, size }) => ({
      group: 'Patterns',
      name: `Pattern ${model!.nameOf(id)}`,
      note: `${count(size)} matrices`,
      run: () => send({ kind: 'patterns', set: { kind: 'clusters', clusters: [id] } }),
    })),
    ...(all.length
      ? [{ group: 'Patterns', name: 'No pattern chosen', run: () => send({ kind: 'patterns', set: null }) }]
      : []),
  ];
}

function heads(session: Session): Command[] {
  const { run, order, fill, metric } = session;
  const ranked = order.length ? order.map((index) => headAt(run, index)) : run.model.nHeads.flatMap(headsOf);
  return ranked.map((head) => {
    const value = fill?.[headIndex(run, head)] ?? NaN;
    const note = Number.isFinite(value) ? `${number(value)} ${metric.unit}` : '';
    return {
      group: 'Heads',
      name: `Head ${headName(head)}`,
      note,
      searched: true,
      run: () => session.send({ kind: 'head', head }),
    };
  });
}

const headsOf = (n: number, layer: number) => Array.from({ length: n }, (_, head) => ({ layer, head }));

const classes = (session: Session): Command[] =>
  classCounts(session.images).map(({ target, name, n }) => ({
    group: 'Classes',
    name: `Class ${name}`,
    note: `n = ${count(n)}`,
    searched: true,
    run: () => session.send({ kind: 'scope', scope: { classes: [target] } }),
  }));

const images = (session: Session): Command[] =>
  session.images.name.map((name, image) => ({
    group: 'One image',
    name: `#${image} ${name.split('/').pop()}`,
    searched: true,
    run: () => session.send({ kind: 'image', image, open: true }),
  }));
