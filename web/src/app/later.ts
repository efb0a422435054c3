// Parts of the page that its first paint does not need: each a file of its own, loaded once nothing else is going on.
import { drawings } from '../views/explore/drawings';

const IDLE_MS = 300;

export const later = {
  image: () => import('../views/image/ImageView.svelte'),
  palette: () => import('./Palette.svelte'),
  help: () => import('./Help.svelte'),
  tour: () => import('./Tour.svelte'),
} as const;

/** To be called after the first paint. */
export function loadLater(): () => void {
  const timer = setTimeout(() => {
    for (const load of [...Object.values(later), ...Object.values(drawings)]) load().catch(() => undefined); // whoever opens it asks again, and is told
  }, IDLE_MS);
  return () => clearTimeout(timer);
}
