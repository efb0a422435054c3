// Keys that work wherever the focus is: undo and redo, perspectives, from pane to pane, palette, help, Escape.
import { PERSPECTIVES } from '../../ground/perspectives';
import type { Session } from '../../session/session.svelte';

const SEQUENCE_MS = 1200;
const REGIONS = '[data-region], [data-pane], main aside';

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
const somethingOpen = (): boolean => document.querySelector('dialog[open], :popover-open, [data-tour]') !== null;

/** Before any view hears of it: letters, digits and signs do nothing where they are switched off. */
export function withhold(event: KeyboardEvent, { shell }: Session): void {
  const single = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (single && !shell.letterKeys && !typing(event.target)) event.stopPropagation();
}

export function globalKeys(event: KeyboardEvent, session: Session): void {
  if (event.defaultPrevented) return;
  const handled = event.ctrlKey || event.metaKey ? withControl(event, session) : plain(event, session);
  if (handled) event.preventDefault();
}

function withControl(event: KeyboardEvent, session: Session): boolean {
  const key = event.key.toLowerCase();
  if (event.altKey) return false;
  if (key === 'k') session.shell.palette = !session.shell.palette;
  else if (typing(event.target) && !(event.target instanceof HTMLSelectElement)) return false;
  else if (key === 'z' && event.shiftKey) session.redo();
  else if (key === 'z') session.undo();
  else if (key === 'y') session.redo();
  else return false;
  return true;
}

function plain(event: KeyboardEvent, session: Session): boolean {
  if (event.altKey) return false;
  if (event.key === 'F6') return toRegion(event.shiftKey ? -1 : 1);
  if (typing(event.target) || document.querySelector('dialog[open]')) return false;
  if (event.key === 'Escape') return giveUp(session);
  if (!session.shell.letterKeys) return false;
  if (event.key === '?') session.shell.show.help();
  else if (event.key === 'g') session.shell.went = event.timeStamp;
  else return event.timeStamp - session.shell.went < SEQUENCE_MS && toView(event.key, session);
  return true;
}

/** The second key of `g e` and the like. */
function toView(key: string, session: Session): boolean {
  const asked = PERSPECTIVES.find((one) => one.key === key);
  if (!asked) return false;
  session.shell.went = -Infinity;
  session.send({ kind: 'view', view: asked.view });
  return true;
}

function giveUp(session: Session): boolean {
  if (somethingOpen()) return false;
  session.send({ kind: 'back' });
  return true;
}

/** The focus goes to the next or previous part of the page, or back into the page where it was nowhere. */
function toRegion(step: 1 | -1): boolean {
  if (document.querySelector('dialog[open]')) return false;
  const found = [...document.querySelectorAll<HTMLElement>(REGIONS)].filter(
    (region) => region.checkVisibility() && !region.parentElement?.closest('[data-pane], main aside'),
  );
  const here = found.findIndex((region) => region.contains(document.activeElement));
  const next = found.at(here < 0 ? (step > 0 ? 0 : -1) : (here + step) % found.length);
  if (!next) return false;
  if (!next.hasAttribute('tabindex')) next.tabIndex = -1;
  next.focus();
  return true;
}
