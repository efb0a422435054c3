// What was fetched, by name. Reading what is not here starts its fetch, once; the reader is told again when it arrives.
// An outdated value is shown until its successor has come.
import { asFailure, type Failure } from '../io/failure';

export interface Loaded<T> {
  readonly value: T | null;
  readonly failure: Failure | null;
}

export const WAITING: Loaded<never> = { value: null, failure: null };

interface Entry<T> {
  loaded: Loaded<T>;
  /** Of the run, when the fetch began. */
  generation: number;
  abort: AbortController | null;
}

export class Cache<T> {
  #arrivals = $state(0);
  readonly #entries = new Map<string, Entry<T>>();
  readonly #most: number;

  /** `most` values are kept; of more, those read longest ago go first. */
  constructor(most = Infinity) {
    this.#most = most;
  }

  /** The value of a name, or null while it is fetched. To be read in a derived or an effect. */
  read(key: string, generation: number, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
    void this.#arrivals;
    let entry = this.#entries.get(key);
    if (entry)
      this.#entries.delete(key); // and set again: the order of the map is the order of reading
    else entry = { loaded: WAITING, generation: NaN, abort: null };
    this.#entries.set(key, entry);
    if (entry.generation !== generation) {
      entry.generation = generation;
      queueMicrotask(() => this.#fetch(key, entry, load)); // not now: a derived must not change state
    }
    return entry.loaded;
  }

  /** Begin to fetch what nobody reads yet; done when it has come, or failed. */
  ahead(key: string, generation: number, load: (signal: AbortSignal) => Promise<T>): Promise<void> {
    const entry: Entry<T> = { loaded: WAITING, generation, abort: null };
    this.#entries.set(key, entry);
    return this.#fetch(key, entry, load);
  }

  /** The value if it is here; never starts a fetch. */
  peek(key: string): T | null {
    void this.#arrivals;
    return this.#entries.get(key)?.loaded.value ?? null;
  }

  /** A value that came by another way. */
  put(key: string, generation: number, value: T): void {
    this.#entries.get(key)?.abort?.abort();
    this.#entries.set(key, { loaded: { value, failure: null }, generation, abort: null });
    this.#arrivals++;
  }

  /** Forget failures, so that whoever reads them asks again. */
  retry(): void {
    for (const [key, entry] of this.#entries) if (entry.loaded.failure) this.#entries.delete(key);
    this.#arrivals++;
  }

  /** Give up what is still on its way, except `key`: its asker has moved on. */
  only(key: string): void {
    for (const [other, entry] of this.#entries) {
      if (other === key || !entry.abort) continue;
      entry.abort.abort();
      this.#entries.delete(other);
    }
  }

  async #fetch(key: string, entry: Entry<T>, load: (signal: AbortSignal) => Promise<T>): Promise<void> {
    if (this.#entries.get(key) !== entry) return; // given up before it began
    entry.abort?.abort();
    const abort = (entry.abort = new AbortController());
    let loaded: Loaded<T>;
    try {
      loaded = { value: await load(abort.signal), failure: null };
    } catch (error) {
      if (abort.signal.aborted) return;
      loaded = { value: entry.loaded.value, failure: asFailure(error) };
    }
    if (abort.signal.aborted) return;
    entry.loaded = loaded;
    entry.abort = null;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
    this.#arrivals++;
  }
}
