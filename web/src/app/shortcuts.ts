// Keys that work wherever the focus is, and the commands of the palette: one list, so that help, palette and keys agree.
import type { Intent, PaneName, State } from '../core/state';
import { EVERYTHING } from '../core/scope';
import type { RunInfo } from '../io/wire';
import type { Session } from './session.svelte';
import { theme } from './theme.svelte';

export interface Command {
  readonly name: string;
  /** As printed: `g e`, `Ctrl Z`. */
  readonly keys?: string;
  readonly group: string;
  readonly run: () => void;
}

const PANE_TITLES: Record<PaneName, string> = {
  images: 'Images',
  importance: 'Head importance',
  strength: 'Attention strength',
  mean: 'Mean attention',
};

/** Everything the palette offers for a run and its state. */
export function commands(session: Session, show: { readonly help: () => void; readonly tour: () => void }): Command[] {
  const { run, state } = session;
  const send = (intent: Intent) => () => session.send(intent);
  return [
    { group: 'Go to', name: 'Explore: all images', keys: 'g e', run: send({ kind: 'view', view: 'explore' }) },
    { group: 'Go to', name: 'Image: one in depth', keys: 'g i', run: send({ kind: 'view', view: 'image' }) },
    ...panes(state).map(({ pane, name }) => ({ group: 'Go to', name, run: send({ kind: 'maximise', pane }) })),
    { group: 'History', name: 'Undo', keys: 'Ctrl Z', run: session.undo },
    { group: 'History', name: 'Redo', keys: 'Ctrl Shift Z', run: session.redo },
    { group: 'Images', name: 'Show all images', run: send({ kind: 'scope', scope: EVERYTHING }) },
    { group: 'Images', name: 'Show wrong images only', run: send({ kind: 'scope', scope: { correct: 'wrong' } }) },
    { group: 'Images', name: 'Show right images only', run: send({ kind: 'scope', scope: { correct: 'right' } }) },
    { group: 'Heads', name: 'Back to the top three heads', run: send({ kind: 'heads', heads: null }) },
    ...measures(run).map(({ label, metric }) => ({ group: 'Measure', name: label, run: send({ kind: 'metric', metric }) })),
    ...parts(run).map(({ label, mode }) => ({ group: 'Pruned part', name: label, run: send({ kind: 'mode', mode }) })),
    { group: 'Page', name: 'Copy a link to this view', run: () => void navigator.clipboard?.writeText(location.href) },
    { group: 'Page', name: 'Light or dark theme', run: theme.toggle },
    { group: 'Page', name: 'Keys and glossary', keys: '?', run: show.help },
    { group: 'Page', name: 'Take the tour', run: show.tour },
  ];
}

function panes(state: State): { pane: PaneName | null; name: string }[] {
  const all = (Object.keys(PANE_TITLES) as PaneName[]).map((pane) => ({ pane, name: `${PANE_TITLES[pane]}: whole work area` }));
  return state.maximised ? [{ pane: null, name: 'All four panes' }, ...all] : all;
}

const measures = (run: RunInfo) =>
  run.metrics.filter((metric) => metric.available).map(({ name, label }) => ({ label, metric: name }));
const parts = (run: RunInfo) => run.modes.filter((mode) => mode.available).map(({ name, label }) => ({ label, mode: name }));
