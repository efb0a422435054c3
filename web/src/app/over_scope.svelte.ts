// Kernels over the images in scope: small ones at once, large ones in the worker, where the result for the scope before
// is shown until the new one is there. The newest question wins.
import { KERNELS, type KernelName, type KernelResult } from '../core/kernel_table';
import { ask, onAnswer } from './worker';

const AT_ONCE_MS = 1;

interface Entry {
  result: unknown;
  /** What the result is of, or will be. */
  values: Float32Array | null;
  rows: Int32Array | null;
  /** Counts the questions: an answer to an older one is dropped. */
  id: number;
  /** The worker is at it; what is to be asked after that. */
  busy: boolean;
  next: (() => void) | null;
}

export class OverScope {
  #arrivals = $state(0);
  readonly #entries = new Map<string, Entry>();
  readonly #sent = new Map<string, Float32Array>();

  constructor() {
    onAnswer((answer) => {
      if (answer.kind !== 'kernel') return;
      const entry = this.#entries.get(`${answer.kernel}/${answer.key}`)!;
      entry.busy = false;
      if (answer.id === entry.id) {
        entry.result = answer.result;
        this.#arrivals++;
      }
      const { next } = entry;
      entry.next = null;
      next?.();
    });
  }

  /** A kernel's result for values [image, width] known by `key`; null while the first one is made. */
  read<K extends KernelName>(kernel: K, key: string, values: Float32Array, width: number, rows: Int32Array): KernelResult<K> | null {
    void this.#arrivals;
    const name = `${kernel}/${key}`;
    let entry = this.#entries.get(name);
    if (!entry) this.#entries.set(name, (entry = { result: null, values: null, rows: null, id: 0, busy: false, next: null }));
    if (entry.values !== values || entry.rows !== rows) this.#renew(entry, kernel, key, values, width, rows);
    return entry.result as KernelResult<K> | null;
  }

  #renew(entry: Entry, kernel: KernelName, key: string, values: Float32Array, width: number, rows: Int32Array): void {
    const { run, nanoseconds } = KERNELS[kernel];
    [entry.values, entry.rows] = [values, rows];
    const id = ++entry.id;
    if (rows.length * width * nanoseconds <= AT_ONCE_MS * 1e6) {
      entry.next = null;
      entry.result = run(values, width, rows);
      return;
    }
    const send = (): void => {
      entry.busy = true;
      if (this.#sent.get(key) !== values) {
        this.#sent.set(key, values);
        ask({ kind: 'hold', key, values });
      }
      ask({ kind: 'kernel', id, kernel, key, width, rows });
    };
    if (entry.busy) entry.next = send;
    else send();
  }
}
