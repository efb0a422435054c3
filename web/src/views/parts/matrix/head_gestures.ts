// What pointer and keys do with a head, the same in every drawing of the heads.
import type { Session } from '../../../session/session.svelte';
import { headAt, headIndex, headName } from '../../../ground/run';
import type { HeadRef } from '../../../ground/head_ref';
import { headTooltip } from '../../../words/words';

export interface HeadGestures {
  readonly pick: (head: HeadRef) => void;
  readonly toggle: (head: HeadRef) => void;
  readonly open: (head: HeadRef) => void;
  /** These heads too, after those chosen already. */
  readonly extend: (heads: readonly HeadRef[]) => void;
  readonly onhover: (head: HeadRef | null) => void;
  /** What is told of a head; its value on the focus image changes more often than the rest and may be left out. */
  readonly describe: (head: HeadRef, onImage?: boolean) => string[];
}

export function headGestures(session: Session): HeadGestures {
  return {
    pick: (head) => session.send({ kind: 'head', head }),
    toggle: (head) => session.send({ kind: 'toggle-head', head, shown: session.heads }),
    open: (head) => session.send({ kind: 'head', head, open: true }),
    extend: (heads) => session.send({ kind: 'heads', heads: distinct(session, heads) }),
    onhover: (head) => {
      session.hover = head && { kind: 'head', head };
    },
    describe: (head, onImage = true) => describe(session, head, onImage),
  };
}

function distinct(session: Session, heads: readonly HeadRef[]): HeadRef[] {
  return [...new Set(heads.map((head) => headIndex(session.run, head)))].map((index) => headAt(session.run, index));
}

function describe(session: Session, head: HeadRef, onImage: boolean): string[] {
  const index = headIndex(session.run, head);
  if (!session.summary || !session.ranks) return [headName(head)];
  const told = headTooltip({
    name: headName(head),
    metric: session.metric,
    mode: session.mode,
    summary: session.summary,
    index,
    rank: session.ranks[index]!,
    heads: session.order.length,
    statistic: session.statistic,
    onImage: onImage ? session.onImage(index) : null,
  });
  const patterns = session.patterns?.tellOf(head);
  return patterns ? [...told, patterns] : told;
}

/** Place of each head in the set, by head place: its colour, dash and order. */
export function placesInSet(session: Session): ReadonlyMap<number, number> {
  return new Map(session.heads.map((head, at) => [headIndex(session.run, head), at]));
}
