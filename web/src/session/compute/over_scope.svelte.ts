// Kernels over the images in scope: small ones at once, large ones in the worker, where the result for the scope before
// is shown until the new one is there. Questions go to the worker in rounds: those of one update of the page are
// answered together, so that it changes once more and not many times. The newest question wins.
import { KERNELS, type KernelName, type KernelResult } from '../../stats/kernel_table';
import type { KernelQuestion } from './answering';
import type { Workers } from './workers';

const AT_ONCE_MS = 1;

/** A kernel's result, and the images it is of. */
export interface Made<R> {
  readonly result: R;
  readonly rows: Int32Array;
}

interface Entry {
  made: Made<unknown> | null;
  /** What it was asked for last, and the number of that question: answers to older ones are dropped. */
  values: Float32Array;
  rows: Int32Array;
  id: number;
}

export class OverScope {
  #arrivals = $state(0);
  readonly #workers: Workers;
  #asked = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #sent = new Map<string, Float32Array>();
  #sentRows: Int32Array | null = null;
  /** `open` takes questions at once; `closed` waits for the answers, and questions wait for the next round. */
  #round: 'none' | 'open' | 'closed' = 'none';
  readonly #waiting = new Map<string, KernelQuestion>();

  constructor(workers: Workers) {
    this.#workers = workers;
    workers.onAnswer((answer) => {
      if (answer.kind !== 'round') return;
      for (const { name, id, result } of answer.made) {
        const entry = this.#entries.get(name)!;
        if (entry.id === id) entry.made = { result, rows: entry.rows };
      }
      this.#round = 'none';
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      waiting.forEach((question) => this.#send(question));
      this.#arrivals++;
    });
  }

  /** Answers are on their way. */
  get busy(): boolean {
    void this.#arrivals;
    return this.#round !== 'none';
  }

  /** A kernel's result for values [image, width] known by `key`; null while the first one is made. */
  read<K extends KernelName>(
    kernel: K,
    key: string,
    values: Float32Array,
    width: number,
    rows: Int32Array,
    heads: readonly number[] = [],
  ): KernelResult<K> | null {
    return this.made(kernel, key, values, width, rows, heads)?.result ?? null;
  }

  /** As `read`, with the images the result is of: for a moment those of the scope before. */
  made<K extends KernelName>(
    kernel: K,
    key: string,
    values: Float32Array,
    width: number,
    rows: Int32Array,
    heads: readonly number[] = [],
  ): Made<KernelResult<K>> | null {
    void this.#arrivals;
    const name = `${kernel}/${key}`;
    let entry = this.#entries.get(name);
    if (!entry || entry.values !== values || entry.rows !== rows) {
      entry = { made: entry?.made ?? null, values, rows, id: ++this.#asked };
      this.#entries.set(name, entry);
      this.#waiting.delete(name);
      const { run, nanoseconds } = KERNELS[kernel];
      // A small one too, where large ones are on their way: what stands side by side changes together.
      const small = rows.length * width * nanoseconds <= AT_ONCE_MS * 1e6;
      if (small && this.#round === 'none') entry.made = { result: run(values, width, rows, heads), rows };
      else this.#send({ kind: 'kernel', name, id: entry.id, kernel, key, width, heads });
    }
    return entry.made as Made<KernelResult<K>> | null;
  }

  #send(question: KernelQuestion): void {
    const { name, key } = question;
    if (this.#round === 'closed') return void this.#waiting.set(name, question);
    const { values, rows } = this.#entries.get(name)!;
    if (this.#sent.get(key) !== values) {
      this.#sent.set(key, values);
      this.#workers.ask({ kind: 'hold', key, values });
    }
    if (this.#sentRows !== rows) {
      this.#sentRows = rows;
      this.#workers.ask({ kind: 'rows', rows });
    }
    this.#workers.ask(question);
    if (this.#round === 'open') return;
    this.#round = 'open';
    queueMicrotask(() => {
      this.#round = 'closed';
      this.#workers.ask({ kind: 'answer' });
    });
  }
}
