// Our steps in the browser's history, which goes by itself, later than keys come, and keeps 50 of them.
import { afterFrame } from './after_frame';

/** A browser that has no such step any more says nothing. */
const UNHEARD_MS = 30;

export class Travel {
  /** The step that undo, redo or the list of steps is on its way to. */
  wanted: number | null = null;
  #unheard: ReturnType<typeof setTimeout> | undefined;
  /** A step that the browser is told of when what it changes is painted: that takes it a while. */
  #untold: { readonly write: () => void; readonly giveUp: () => void } | null = null;
  readonly #arriveAlone: (at: number) => void;

  /** `arriveAlone`: what to do where the browser has forgotten the step. */
  constructor(arriveAlone: (at: number) => void) {
    this.#arriveAlone = arriveAlone;
  }

  /** A new step, or another address for the one in force. */
  write(at: number, address: string, replace: boolean): void {
    this.#tell();
    const write = (): void => history[replace ? 'replaceState' : 'pushState']({ at }, '', address);
    this.#untold = { write, giveUp: afterFrame(() => this.#tell()) };
  }

  #tell(): void {
    const untold = this.#untold;
    this.#untold = null;
    untold?.giveUp();
    untold?.write();
  }

  /** To a step; `from` is the one in force, unless another is on its way. */
  to(at: number, from: number): void {
    this.#tell();
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
    this.#untold?.giveUp(); // the browser has left the place for it
    this.#untold = null;
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
