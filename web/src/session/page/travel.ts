// A session's steps in the browser's history, which goes by itself, later than keys come, and keeps 50 of them. A page has
// one address: it is the session's that was opened with the browser; steps of others are theirs alone.
import { whenIdle } from '../time';

/** A browser that has no such step any more says nothing, when it is asked to go there. */
const UNHEARD_MS = 30;
/** No later than this, however busy the page is. */
const TOLD_MS = 250;

/** Whether the browser says that it has no step so many steps from where it is; not all browsers can say. */
function forgotten(steps: number): boolean {
  const { navigation } = globalThis as Partial<Pick<typeof globalThis, 'navigation'>>;
  const at = navigation?.currentEntry?.index ?? -1;
  return at >= 0 && !navigation!.entries()[at + steps];
}

interface Untold {
  readonly at: number;
  readonly address: string;
  readonly how: 'pushState' | 'replaceState';
}

export type Browser = Pick<History, 'pushState' | 'replaceState' | 'go'>;

export class Travel {
  /** The step that undo, redo or the list of steps is on its way to. */
  wanted: number | null = null;
  #unheard: ReturnType<typeof setTimeout> | undefined;
  /** A step that the browser is told of when the page has nothing else to do: it takes milliseconds over it. */
  #untold: Untold | null = null;
  #giveUp: (() => void) | undefined;
  readonly #arriveAlone: (at: number) => void;

  readonly #browser: Browser | null;

  /** `arriveAlone`: what to do where the browser has forgotten the step. */
  constructor(arriveAlone: (at: number) => void, browser: Browser | null) {
    [this.#arriveAlone, this.#browser] = [arriveAlone, browser];
  }

  /** The step in force has come by another way than the browser's. */
  begin(at: number, address?: string): void {
    this.#browser?.replaceState({ at }, '', address);
  }

  /** A new step, or another address for the one in force. */
  write(at: number, address: string, replace: boolean): void {
    if (replace && this.#untold) this.#untold = { ...this.#untold, address };
    else {
      this.tell();
      this.#untold = { at, address, how: replace ? 'replaceState' : 'pushState' };
      this.#giveUp = whenIdle(() => this.tell(), TOLD_MS);
    }
  }

  /** Tell the browser now. */
  tell(): void {
    const untold = this.#forget();
    if (untold) this.#browser?.[untold.how]({ at: untold.at }, '', untold.address);
  }

  #forget(): Untold | null {
    this.#giveUp?.();
    const untold = this.#untold;
    this.#untold = null;
    return untold;
  }

  /** To a step; `from` is the one in force, unless another is on its way. */
  to(at: number, from: number): void {
    this.tell();
    const steps = at - (this.wanted ?? from);
    if (steps === 0) return;
    const alone = !this.#browser || (this.wanted === null && forgotten(steps));
    this.wanted = at;
    if (!alone) this.#browser!.go(steps);
    this.#unheard ??= setTimeout(
      () => {
        const { wanted } = this;
        this.#end();
        if (wanted !== null) this.#arriveAlone(wanted);
      },
      alone ? 0 : UNHEARD_MS,
    ); // a task of its own, as a browser's answer is
  }

  /** The browser is at a step; false when that is only on the way to the one that is wanted. */
  arrived(at: unknown): boolean {
    this.#forget(); // the browser has left the place for it
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
