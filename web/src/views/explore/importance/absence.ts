// Why a measure and part have no value for the images in scope, and the one thing that helps.
import type { Session } from '../../../session/session.svelte';
import { EVERYTHING, isEverything } from '../../../selection/scope';
import { count } from '../../../ground/numbers';

interface Absence {
  readonly text: string;
  readonly action: string;
  readonly act: () => void;
}

/** Null while something can be shown, or nothing is known yet. */
export function absence(session: Session): Absence | null {
  const { values, cells, summary, inScope, mode, metric } = session;
  if (!values || !summary || session.scopePending || inScope.length === 0 || session.order.length > 0) return null;
  if (summary.n.some((n) => n > 0)) return null;
  let have = 0;
  for (let image = 0; image < session.run.nImages; image++) {
    if (values.subarray(image * cells, (image + 1) * cells).some(Number.isFinite)) have++;
  }
  const whole = mode.name === 'head';
  const part = whole ? metric.label : `The part “${mode.label}”`;
  if (have > 0 && !isEverything(session.scope)) {
    return {
      text: `${part} was computed on a seeded sample of ${count(have)} images; none of them is in scope.`,
      action: 'Show all images',
      act: () => session.send({ kind: 'scope', scope: EVERYTHING }),
    };
  }
  if (whole && metric.name === session.run.defaultMetric) return null; // the hatched matrix fills by itself
  const running = session.progress.state !== 'complete';
  return {
    text: `${part} has no values${running ? ' yet: the run is not finished' : ' in this run'}.`,
    action: whole ? 'Show the default measure' : 'Show the whole head',
    act: () =>
      session.send(whole ? { kind: 'metric', metric: session.run.defaultMetric } : { kind: 'mode', mode: 'head' }),
  };
}
