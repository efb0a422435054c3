// Follows the run behind the page: asks how far it is, again and again, and refills the session when shards have landed or
// the server has come back.
import { asFailure } from '../io/source';
import type { Session } from '../session/session.svelte';

const POLL_MS = 1000;
/** Of a complete run too: the server may go away, or the run may get further modes. */
const QUIET_POLL_MS = 5000;

/** Begin; what it returns ends it. */
export function watchRun(session: Session): () => void {
  const tick = async (): Promise<void> => {
    try {
      const progress = await session.source.get('progress', {});
      if (session.outage || progress.generation !== session.progress.generation) await refresh(session);
      session.progress = progress;
      session.data.generation = progress.generation;
      if (session.outage) recover(session);
    } catch (error) {
      session.outage = asFailure(error);
    }
    if (!stopped) timer = setTimeout(tick, pause(session));
  };
  let stopped = false;
  let timer = setTimeout(tick, pause(session));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function pause({ progress, outage }: Session): number {
  const quiet = document.hidden || (progress.state === 'complete' && !outage);
  return quiet ? QUIET_POLL_MS : POLL_MS;
}

async function refresh(session: Session): Promise<void> {
  const [run, images] = await Promise.all([session.source.get('run', {}), session.source.get('images', {})]);
  if (run.runId !== session.run.runId) {
    location.reload(); // another run is served at this address now; the link says what of the view it can keep
    return;
  }
  session.run = run;
  session.images = images;
}

function recover(session: Session): void {
  session.outage = null;
  session.recoveries++;
  session.data.retry();
}
