// Kernels away from the page's own thread. Values are sent once and held by key; intervals are made some heads at a
// time, so that a newer question is not kept waiting.
import { KERNELS, type KernelName } from '../core/kernel_table';
import { bootstrap, type Interval } from '../core/kernels';

export type Question =
  | { readonly kind: 'hold'; readonly key: string; readonly values: Float32Array }
  | KernelQuestion
  /** Send what was made since the last time. */
  | { readonly kind: 'answer' }
  | IntervalQuestion;

export interface KernelQuestion {
  readonly kind: 'kernel';
  /** What is asked, whatever the images; `id` counts the questions. */
  readonly name: string;
  readonly id: number;
  readonly kernel: KernelName;
  readonly key: string;
  readonly width: number;
  readonly rows: Int32Array;
}

export interface IntervalQuestion {
  readonly kind: 'intervals';
  readonly lane: string;
  readonly id: number;
  /** [image, head], only the images and heads that are asked about. */
  readonly values: Float32Array;
  readonly heads: number;
  readonly statistic: 'mean' | 'median';
}

export type Answer =
  | { readonly kind: 'round'; readonly made: readonly { readonly name: string; readonly id: number; readonly result: unknown }[] }
  | { readonly kind: 'intervals'; readonly lane: string; readonly id: number; readonly found: readonly Interval[] };

const AT_ONCE = 6;
const held = new Map<string, Float32Array>();
let made: { name: string; id: number; result: unknown }[] = [];
const newest = new Map<string, number>();

self.onmessage = ({ data }: MessageEvent<Question>): void => {
  if (data.kind === 'hold') held.set(data.key, data.values);
  else if (data.kind === 'kernel') {
    const { name, id, kernel, key, width, rows } = data;
    made.push({ name, id, result: KERNELS[kernel].run(held.get(key)!, width, rows) });
  } else if (data.kind === 'answer') {
    answer({ kind: 'round', made });
    made = [];
  } else {
    newest.set(data.lane, data.id);
    step(data, []);
  }
};

function step(question: IntervalQuestion, before: readonly Interval[]): void {
  if (question.id !== newest.get(question.lane)) return;
  const { id, lane, values, heads, statistic } = question;
  const rows = Int32Array.from({ length: heads ? values.length / heads : 0 }, (_, row) => row);
  const next = Array.from({ length: Math.min(AT_ONCE, heads - before.length) }, (_, i) => before.length + i);
  const found = [...before, ...bootstrap(values, heads, rows, next, statistic)];
  answer({ kind: 'intervals', lane, id, found });
  if (found.length < heads) setTimeout(() => step(question, found));
}

const answer = (message: Answer): void => self.postMessage(message);
