import type { Session } from '../session.svelte';

/** Copy the address of this view; false where the browser does not allow it. */
export async function copyLink(session: Session): Promise<boolean> {
  try {
    session.writeAddress();
    await navigator.clipboard.writeText(location.href);
    return true;
  } catch {
    return false;
  }
}
