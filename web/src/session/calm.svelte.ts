// The scope and the measure as those panes know them that hold no aggregates: a moment later, one after the other and
// each in a task of its own, so that a change is answered at once and never holds the page up.
import { EVERYTHING, type Scope } from '../selection/scope';

/** What everything is about: what the images are chosen by, their rows, and what is measured on them. */
export interface InForce {
  readonly scope: Scope;
  readonly rows: Int32Array;
  readonly metric: string;
  readonly mode: string;
}

/** In their order. */
const STAGES = ['images', 'patterns', 'inspector'] as const;
const NONE: InForce = { scope: EVERYTHING, rows: new Int32Array(0), metric: '', mode: '' };

export class Calm {
  images: InForce = $state.raw(NONE);
  patterns: InForce = $state.raw(NONE);
  inspector: InForce = $state.raw(NONE);

  /** All of them now. */
  jump(now: InForce): void {
    for (const stage of STAGES) this[stage] = now;
  }

  /** Whether some have not followed yet. To be read in a derived. */
  behind(now: InForce): boolean {
    return STAGES.some((stage) => this[stage] !== now);
  }

  /** When the aggregates are painted. What is returned gives up the rest. */
  follow(now: InForce): () => void {
    const stages = [...STAGES];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (): void => {
      const stage = stages.shift();
      if (stage) timer = setTimeout(() => ((this[stage] = now), next()));
    };
    const frame = requestAnimationFrame(next);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }
}
