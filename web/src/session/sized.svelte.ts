// One image at several input sizes, asked for one after the other, smallest first; a new question or Cancel gives up the rest.
import { type DataSource, asFailure, type Failure } from '../io/source';
import type { SizedImage } from '../io/wire';

export interface Sized {
  readonly seen: SizedImage;
  /** What the query attends to, [layer, head, patch]. */
  readonly rows: Float32Array;
}

export class SizedImages {
  /** The question that `found` answers. */
  image = $state.raw<number | null>(null);
  query = $state.raw(0);
  sizes = $state.raw<readonly string[]>([]);
  /** By size, as they come. */
  found = $state.raw<ReadonlyMap<string, Sized>>(new Map());
  failure = $state.raw<Failure | null>(null);
  running = $state(false);
  readonly #source: DataSource;
  #abort: AbortController | null = null;

  constructor(source: DataSource) {
    this.#source = source;
  }

  async ask(image: number, query: number, sizes: readonly string[]): Promise<void> {
    this.cancel();
    const abort = (this.#abort = new AbortController());
    [this.image, this.query, this.sizes, this.found, this.failure, this.running] = [
      image,
      query,
      sizes,
      new Map(),
      null,
      true,
    ];
    try {
      for (const size of sizes) {
        const seen = await this.#source.get('sized_image', { image, size }, abort.signal);
        const rows = await this.#source.get('sized_rows', { image, size, query }, abort.signal);
        if (abort.signal.aborted) return;
        this.found = new Map([...this.found, [size, { seen, rows }]]);
      }
    } catch (error) {
      if (!abort.signal.aborted) this.failure = asFailure(error);
    }
    if (this.#abort === abort) [this.running, this.#abort] = [false, null];
  }

  /** What has come stays. */
  cancel(): void {
    this.#abort?.abort();
    [this.running, this.#abort] = [false, null];
  }
}
