// Intervals away from the page's own thread: some heads at a time, so that a newer question is not kept waiting.
import { bootstrap, type Interval } from '../core/kernels';

export interface Question {
  readonly id: number;
  /** [image, head], only the images and heads that are asked about. */
  readonly values: Float32Array;
  readonly heads: number;
  readonly statistic: 'mean' | 'median';
}

export interface Answer {
  readonly id: number;
  readonly found: readonly Interval[];
}

const AT_ONCE = 6;
let newest = -1;

self.onmessage = (event: MessageEvent<Question>): void => {
  newest = event.data.id;
  step(event.data, []);
};

function step(question: Question, before: readonly Interval[]): void {
  if (question.id !== newest) return;
  const { id, values, heads, statistic } = question;
  const rows = Int32Array.from({ length: heads ? values.length / heads : 0 }, (_, row) => row);
  const next = Array.from({ length: Math.min(AT_ONCE, heads - before.length) }, (_, i) => before.length + i);
  const found = [...before, ...bootstrap(values, heads, rows, next, statistic)];
  self.postMessage({ id, found } satisfies Answer);
  if (found.length < heads) setTimeout(() => step(question, found));
}
