import type { Session } from '../session.svelte';

/** Copy the address of this view; false where the browser does not allow it. */
export async function copyLink(session: Session): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(new URL(session.address, location.href).href);
    return true;
  } catch {
    return false;
  }
}
