// What is in force as the panes know it that hold no aggregates: a moment later, one after the other and each in a task
// of its own, so that a change of the scope or the measure is answered at once and never holds the page up.
import { EVERYTHING, type Scope } from '../core/scope';

/** What everything is about: what the images are chosen by, their rows, and what is measured on them. */
export interface InForce {
  readonly scope: Scope;
  readonly rows: Int32Array;
  readonly metric: string;
  readonly mode: string;
}

/** In their order; `image` is the image that the app chooses by itself. */
const STAGES = ['image', 'images', 'patterns', 'inspector'] as const;
const NONE: InForce = { scope: EVERYTHING, rows: new Int32Array(0), metric: '', mode: '' };

export class Calm {
  image: InForce = $state.raw(NONE);
  images: InForce = $state.raw(NONE);
  patterns: InForce = $state.raw(NONE);
  inspector: InForce = $state.raw(NONE);

  /** All of them now. */
  jump(now: InForce): void {
    for (const stage of this.behind(now)) this[stage] = now;
  }

  /** Those that have not followed yet. To be read in a derived. */
  behind(now: InForce): (typeof STAGES)[number][] {
    return STAGES.filter((stage) => (Object.keys(now) as (keyof InForce)[]).some((key) => this[stage][key] !== now[key]));
  }

  /** The image while the aggregates are awaited, the others when they are there. What is returned gives up the rest. */
  follow(now: InForce, awaited: boolean): () => void {
    const stages = this.behind(now).filter((stage) => stage === 'image' || !awaited);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (): void => {
      const stage = stages.shift();
      if (stage) timer = setTimeout(() => ((this[stage] = now), next()));
    };
    next();
    return () => clearTimeout(timer);
  }
}
