// How heads are drawn in the strength views: the set in its colours and dashes, the focus head always, the rest grey.
import type { Session } from '../../../session/session.svelte';
import { HEAD_COLOURS, HEAD_DASHES, type Theme } from '../../../plot/colour';
import type { Paint } from '../../../plot/inks';
import { headAt, headIndex, headName } from '../../../ground/run';
import { sameHead } from '../../../ground/head_ref';

export interface Marked {
  readonly index: number;
  readonly name: string;
  readonly colour: string;
  /** The same, for a drawing. */
  readonly paint: Paint;
  /** As `stroke-dasharray`; empty = solid. */
  readonly dash: string;
  readonly focus: boolean;
  /** Within the set; the focus head need not be. */
  readonly inSet: boolean;
}

/** The first heads of the set, as many as there are colours, and the focus head. */
export function markedHeads(session: Session, theme: Theme): Marked[] {
  const colours = HEAD_COLOURS[theme];
  const focus = session.head;
  const marked = session.heads.slice(0, colours.length).map((head, at) => ({
    index: headIndex(session.run, head),
    name: headName(head),
    colour: colours[at]!,
    paint: { head: at },
    dash: HEAD_DASHES[at]!.join(' '),
    focus: sameHead(head, focus),
    inSet: true,
  }));
  if (marked.some((head) => head.focus)) return marked;
  const inSet = session.heads.some((head) => sameHead(head, focus));
  return [
    ...marked,
    {
      index: session.headIndex,
      name: headName(focus),
      colour: 'var(--ink)',
      paint: 'ink',
      dash: '',
      focus: true,
      inSet,
    },
  ];
}

/** The heads of the set beyond those that have a colour: drawn stronger than the rest, without a name. */
export function unnamedOfSet(session: Session, marked: readonly Marked[]): number[] {
  const named = new Set(marked.map((head) => head.index));
  return session.heads.map((head) => headIndex(session.run, head)).filter((index) => !named.has(index));
}

/** Click, Ctrl-click, Shift-click: focus, toggle, extend. */
export function choose(session: Session, index: number, event: MouseEvent | KeyboardEvent): void {
  const head = headAt(session.run, index);
  const inSet = session.heads.some((other) => sameHead(other, head));
  if (event.ctrlKey || event.metaKey) session.send({ kind: 'toggle-head', head, shown: session.heads });
  else if (event.shiftKey) {
    if (!inSet) session.send({ kind: 'toggle-head', head, shown: session.heads });
  } else session.send({ kind: 'head', head });
}

/** What Enter, Space and O do to a head; false for any other key. */
export function chooseByKey(session: Session, index: number, event: KeyboardEvent): boolean {
  const head = headAt(session.run, index);
  if (event.key === 'Enter') choose(session, index, event);
  else if (event.key === ' ') session.send({ kind: 'toggle-head', head, shown: session.heads });
  else if (event.key.toLowerCase() === 'o' && !event.ctrlKey && !event.metaKey)
    session.send({ kind: 'head', head, open: true });
  else return false;
  event.preventDefault();
  return true;
}
