// 95 % intervals of the heads, made in a worker. A new question gives up the one before; results come piece by piece.
import type { Interval } from '../core/kernels';
import type { Answer, Question } from './kernels.worker';

export class Intervals {
  /** By head place; heads whose interval is not made yet are missing. */
  current = $state.raw<ReadonlyMap<number, Interval>>(new Map());
  #worker: Worker | null = null;
  #id = 0;
  #heads: readonly number[] = [];

  /** Ask for the intervals of these heads over these images; `values` is [image, head] with `width` heads an image. */
  ask(values: Float32Array, width: number, rows: Int32Array, heads: readonly number[], statistic: 'mean' | 'median'): void {
    this.#worker ??= this.#start();
    this.#id++;
    this.#heads = heads;
    this.current = new Map();
    const asked = new Float32Array(rows.length * heads.length);
    rows.forEach((row, i) => heads.forEach((head, h) => (asked[i * heads.length + h] = values[row * width + head]!)));
    const question: Question = { id: this.#id, values: asked, heads: heads.length, statistic };
    this.#worker.postMessage(question, [asked.buffer]);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./kernels.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.id === this.#id) this.current = new Map(data.found.map((interval, i) => [this.#heads[i]!, interval]));
    };
    return worker;
  }
}
