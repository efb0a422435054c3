// What a worker does: kernels away from the page's own thread. Values are sent once and held by key; intervals are made in
// parts, so that a newer question is not kept waiting.
import { KERNELS, type KernelName } from '../../stats/kernel_table';
import { meanIntervalsInParts, medianIntervals, type Interval, type Range } from '../../stats/intervals';

export type Question =
  | { readonly kind: 'hold'; readonly key: string; readonly values: Float32Array }
  /** The images that the questions after this are about. */
  | { readonly kind: 'rows'; readonly rows: Int32Array }
  | KernelQuestion
  /** Send what was made since the last time. */
  | { readonly kind: 'answer' }
  | IntervalQuestion
  /** Nobody waits for the intervals of this lane any more. */
  | { readonly kind: 'give-up'; readonly lane: string };

export interface KernelQuestion {
  readonly kind: 'kernel';
  /** What is asked, whatever the images; `id` counts the questions. */
  readonly name: string;
  readonly id: number;
  readonly kernel: KernelName;
  readonly key: string;
  readonly width: number;
  readonly heads: readonly number[];
}

export interface IntervalQuestion {
  readonly kind: 'intervals';
  readonly lane: string;
  readonly id: number;
  /** [image, head], only the images and heads that are asked about. */
  readonly values: Float32Array;
  readonly heads: number;
  readonly statistic: 'mean' | 'median';
  readonly range: Range;
}

export type Answer =
  | {
      readonly kind: 'round';
      readonly made: readonly { readonly name: string; readonly id: number; readonly result: unknown }[];
    }
  | { readonly kind: 'intervals'; readonly lane: string; readonly id: number; readonly found: readonly Interval[] };

const AT_ONCE = 12;

export class Answering {
  readonly #answer: (answer: Answer) => void;
  readonly #held = new Map<string, Float32Array>();
  #rows = new Int32Array(0);
  #made: { name: string; id: number; result: unknown }[] = [];
  readonly #ahead: Generator<void>[] = [];
  #goingOn = false;
  readonly #newest = new Map<string, number>();

  constructor(answer: (answer: Answer) => void) {
    this.#answer = answer;
  }

  take(question: Question): void {
    switch (question.kind) {
      case 'hold':
        this.#held.set(question.key, question.values);
        break;
      case 'rows':
        this.#rows = question.rows as Int32Array<ArrayBuffer>;
        break;
      case 'kernel': {
        const { name, id, kernel, key, width, heads } = question;
        const values = this.#held.get(key)!;
        this.#made.push({ name, id, result: KERNELS[kernel].run(values, width, this.#rows, heads) });
        const preparing = KERNELS[kernel].prepare?.(values, width);
        if (preparing) this.#ahead.push(preparing);
        break;
      }
      case 'answer':
        this.#answer({ kind: 'round', made: this.#made });
        this.#made = [];
        this.#goOn();
        break;
      case 'give-up':
        this.#newest.delete(question.lane);
        break;
      case 'intervals':
        this.#newest.set(question.lane, question.id);
        this.#step(question, intervals(question));
    }
  }

  /** One part after the other, so that a question is kept waiting by no more than one. */
  #goOn(): void {
    if (this.#goingOn || !this.#ahead.length) return;
    this.#goingOn = true;
    setTimeout(() => {
      this.#goingOn = false;
      if (this.#ahead[0]!.next().done) this.#ahead.shift();
      this.#goOn();
    });
  }

  #step(question: IntervalQuestion, parts: ReturnType<typeof intervals>): void {
    const { lane, id } = question;
    if (id !== this.#newest.get(lane)) return;
    const { done, value } = parts.next();
    if (value) this.#answer({ kind: 'intervals', lane, id, found: value });
    if (!done) setTimeout(() => this.#step(question, parts));
  }
}

/** Some heads at a time, each time told; between their draws a newer question may come. */
function* intervals({ values, heads, statistic, range }: IntervalQuestion): Generator<readonly Interval[] | void> {
  const every = Int32Array.from({ length: heads ? values.length / heads : 0 }, (_, row) => row);
  let found: readonly Interval[] = [];
  while (found.length < heads) {
    const next = Array.from({ length: Math.min(AT_ONCE, heads - found.length) }, (_, i) => found.length + i);
    const made =
      statistic === 'mean'
        ? yield* meanIntervalsInParts(values, heads, every, next, range)
        : medianIntervals(values, heads, every, next);
    found = [...found, ...made];
    yield found;
  }
}
