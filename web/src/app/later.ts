// Parts of the page that its first paint does not need: each a file of its own, loaded once nothing else is going on.
import { later as explore } from '../views/explore/later';
import type { Session } from '../session/session.svelte';

export const later = {
  image: () => import('../views/image/ImageView.svelte'),
  heads: () => import('../views/heads/HeadsView.svelte'),
  lab: () => import('../views/lab/LabView.svelte'),
  palette: () => import('./commands/Palette.svelte'),
  help: () => import('./commands/Help.svelte'),
  tour: () => import('./commands/Tour.svelte'),
} as const;

export function loadLater(): void {
  // Whoever opens one that failed asks again, and is told.
  for (const load of [...Object.values(later), ...Object.values(explore)]) load().catch(() => undefined);
}

/** The patterns of a run that has any, loaded when nothing waits for them. To be called in an effect. */
export function openPatterns(session: Session): void {
  if (session.patterns || !session.run.capabilities.patterns || !session.data.opened) return;
  import('../session/patterns.svelte').then(
    ({ PatternModel }) => (session.patterns ??= new PatternModel(session)),
    () => undefined,
  );
}
