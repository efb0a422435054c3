// 95 % intervals of the heads, made in a worker. A new question gives up the one before; results come piece by piece.
import type { Interval, Range } from '../../stats/intervals';
import { measured } from '../../stats/resampling';
import type { Workers } from './workers';

export class Intervals {
  /** By head place; heads whose interval is not made yet are missing. */
  current = $state.raw<ReadonlyMap<number, Interval>>(new Map());
  readonly #workers: Workers;
  readonly #lane: string;
  #id = 0;
  #heads: readonly number[] = [];

  /** Questions of different lanes do not give each other up. */
  constructor(workers: Workers, lane: string) {
    [this.#workers, this.#lane] = [workers, lane];
    workers.onAnswer((answer) => {
      if (answer.kind !== 'intervals' || answer.lane !== lane || answer.id !== this.#id) return;
      this.current = new Map(answer.found.map((interval, i) => [this.#heads[i]!, interval]));
    });
  }

  /** Nobody shows them any more: they must not be taken for those of another question. */
  clear(): void {
    this.#id++;
    if (this.#heads.length) this.#workers.ask({ kind: 'give-up', lane: this.#lane });
    this.#heads = [];
    if (this.current.size) this.current = new Map();
  }

  /** Ask for the intervals of these heads over these images; `values` is [image, head] with `width` heads an image. */
  ask(
    values: Float32Array,
    width: number,
    rows: Int32Array,
    heads: readonly number[],
    statistic: 'mean' | 'median',
    range: Range,
  ): void {
    this.#id++;
    this.#heads = heads;
    this.current = new Map();
    const present = measured(values, width, rows); // whichever heads are asked about: all are drawn alike
    const asked = new Float32Array(present.length * heads.length);
    present.forEach((row, i) =>
      heads.forEach((head, h) => (asked[i * heads.length + h] = values[row * width + head]!)),
    );
    this.#workers.ask(
      { kind: 'intervals', lane: this.#lane, id: this.#id, values: asked, heads: heads.length, statistic, range },
      [asked.buffer],
    );
  }
}
