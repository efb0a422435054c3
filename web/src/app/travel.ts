// On the way through the browser's history to a step of ours: it goes by itself, later than keys come, and keeps 50 steps.

/** A browser that has no such step any more says nothing. */
const UNHEARD_MS = 30;

export class Travel {
  /** The step that undo, redo or the list of steps is on its way to. */
  wanted: number | null = null;
  #unheard: ReturnType<typeof setTimeout> | undefined;
  readonly #arriveAlone: (at: number) => void;

  /** `arriveAlone`: what to do where the browser has forgotten the step. */
  constructor(arriveAlone: (at: number) => void) {
    this.#arriveAlone = arriveAlone;
  }

  /** To a step; `from` is the one in force, unless another is on its way. */
  to(at: number, from: number): void {
    const steps = at - (this.wanted ?? from);
    if (steps === 0) return;
    this.wanted = at;
    history.go(steps);
    this.#unheard ??= setTimeout(() => {
      const { wanted } = this;
      this.#end();
      if (wanted !== null) this.#arriveAlone(wanted);
    }, UNHEARD_MS);
  }

  /** The browser is at a step; false when that is only on the way to the one that is wanted. */
  arrived(at: unknown): boolean {
    if (this.wanted !== null && at !== this.wanted) return false;
    this.#end();
    return true;
  }

  #end(): void {
    this.wanted = null;
    clearTimeout(this.#unheard);
    this.#unheard = undefined;
  }
}
