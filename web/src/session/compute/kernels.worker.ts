// Kernels away from the page's own thread. Values are sent once and held by key; intervals are made in parts, so that a
// newer question is not kept waiting.
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
const held = new Map<string, Float32Array>();
let rows = new Int32Array(0);
let made: { name: string; id: number; result: unknown }[] = [];
const ahead: Generator<void>[] = [];
let goingOn = false;
const newest = new Map<string, number>();

self.onmessage = ({ data }: MessageEvent<Question>): void => {
  if (data.kind === 'hold') held.set(data.key, data.values);
  else if (data.kind === 'rows') rows = data.rows as Int32Array<ArrayBuffer>;
  else if (data.kind === 'kernel') {
    const { name, id, kernel, key, width, heads } = data;
    const values = held.get(key)!;
    made.push({ name, id, result: KERNELS[kernel].run(values, width, rows, heads) });
    const preparing = KERNELS[kernel].prepare?.(values, width);
    if (preparing) ahead.push(preparing);
  } else if (data.kind === 'answer') {
    answer({ kind: 'round', made });
    made = [];
    goOn();
  } else if (data.kind === 'give-up') newest.delete(data.lane);
  else {
    newest.set(data.lane, data.id);
    step(data, intervals(data));
  }
};

/** One part after the other, so that a question is kept waiting by no more than one. */
function goOn(): void {
  if (goingOn || !ahead.length) return;
  goingOn = true;
  setTimeout(() => {
    goingOn = false;
    if (ahead[0]!.next().done) ahead.shift();
    goOn();
  });
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

function step(question: IntervalQuestion, parts: ReturnType<typeof intervals>): void {
  const { lane, id } = question;
  if (id !== newest.get(lane)) return;
  const { done, value } = parts.next();
  if (value) answer({ kind: 'intervals', lane, id, found: value });
  if (!done) setTimeout(() => step(question, parts));
}

const answer = (message: Answer): void => self.postMessage(message);
