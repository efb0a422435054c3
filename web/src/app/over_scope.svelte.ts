// Kernels over the images in scope: small ones at once, large ones in the worker, where the result for the scope before
// is shown until the new one is there. The newest question wins.
import { KERNELS, type KernelName, type KernelResult } from '../core/kernel_table';
import { Memo } from '../core/memo';
import { ask, onAnswer } from './worker';

const AT_ONCE_MS = 8;

interface Entry {
  result: unknown;
  values: Float32Array | null;
  rows: Int32Array | null;
  /** The worker is at it; what is wanted after that. */
  waiting: boolean;
  next: (() => void) | null;
}

export class OverScope {
  #arrivals = $state(0);
  readonly #memo = new Memo();
  readonly #entries = new Map<string, Entry>();
  readonly #sent = new Map<string, Float32Array>();

  constructor() {
    onAnswer((answer) => {
      if (answer.kind !== 'kernel') return;
      const entry = this.#entries.get(`${answer.kernel}/${answer.key}`)!;
      entry.waiting = false;
      entry.result = answer.result;
      this.#arrivals++;
      const { next } = entry;
      entry.next = null;
      next?.();
    });
  }

  /** A kernel's result for values [image, width] known by `key`; null while the first one is made. */
  read<K extends KernelName>(kernel: K, key: string, values: Float32Array, width: number, rows: Int32Array): KernelResult<K> | null {
    const { run, nanoseconds } = KERNELS[kernel];
    const name = `${kernel}/${key}`;
    if (rows.length * width * nanoseconds <= AT_ONCE_MS * 1e6) {
      this.#entries.delete(name);
      return this.#memo.get(name, [values, rows], () => run(values, width, rows)) as KernelResult<K>;
    }
    void this.#arrivals;
    let entry = this.#entries.get(name);
    if (!entry) this.#entries.set(name, (entry = { result: null, values: null, rows: null, waiting: false, next: null }));
    if (entry.values !== values || entry.rows !== rows) {
      [entry.values, entry.rows] = [values, rows];
      const send = (): void => this.#send(kernel, key, values, width, rows, entry);
      if (entry.waiting) entry.next = send;
      else send();
    }
    return entry.result as KernelResult<K> | null;
  }

  #send(kernel: KernelName, key: string, values: Float32Array, width: number, rows: Int32Array, entry: Entry): void {
    if (this.#sent.get(key) !== values) {
      this.#sent.set(key, values);
      ask({ kind: 'hold', key, values });
    }
    entry.waiting = true;
    ask({ kind: 'kernel', kernel, key, width, rows });
  }
}
