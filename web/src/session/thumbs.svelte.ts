// Atlases of small pictures: each is fetched when a picture of it is first wanted, once for as long as the run stands still.
import type { DataSource } from '../io/source';
import type { ImageTable, RunInfo } from '../io/wire';

type Entry = { atlas: ImageBitmap | null; generation: number; state: 'loading' | 'here' | 'failed' };

export interface Place {
  readonly atlas: ImageBitmap;
  /** Corner of the picture in the atlas, and its side. */
  readonly left: number;
  readonly top: number;
  readonly size: number;
}

/** What small pictures need of their session. */
interface Around {
  readonly run: RunInfo;
  readonly images: ImageTable;
  readonly source: Pick<DataSource, 'address'>;
  readonly data: { readonly generation: number };
  /** How often the server came back. */
  readonly recoveries: number;
}

export class Thumbs {
  #arrivals = $state(0);
  readonly #entries = new Map<number, Entry>();
  readonly #session: Around;

  constructor(session: Around) {
    this.#session = session;
  }

  /** Where an image's small picture is; null while it is fetched, 'none' when there is none. To be read in a derived. */
  place(image: number): Place | 'none' | null {
    const { run, images } = this.#session;
    const { size, columns, perPage } = run.thumbs;
    if (image >= images.name.length || size <= 0) return 'none';
    const entry = this.#read(Math.floor(image / perPage));
    if (!entry.atlas) return entry.state === 'failed' ? 'none' : null;
    const at = image % perPage;
    return { atlas: entry.atlas, left: (at % columns) * size, top: Math.floor(at / columns) * size, size };
  }

  #read(page: number): Entry {
    void this.#arrivals;
    const generation = this.#session.data.generation;
    const recoveries = this.#session.recoveries;
    const held = this.#entries.get(page);
    if (held && held.generation === generation + recoveries) return held;
    const entry: Entry = { atlas: null, generation: generation + recoveries, state: 'loading' };
    void this.#fetch(page, entry);
    // Until a newer atlas has come, the older one is shown.
    if (held) held.generation = generation + recoveries;
    else this.#entries.set(page, entry);
    return held ?? entry;
  }

  /** As a bitmap: decoded off the page's own thread, and once, not whenever a canvas draws from it. */
  async #fetch(page: number, entry: Entry): Promise<void> {
    try {
      const response = await fetch(this.#session.source.address('thumbs', { page }));
      entry.atlas = response.ok ? await createImageBitmap(await response.blob()) : null;
    } catch {
      entry.atlas = null;
    }
    entry.state = entry.atlas ? 'here' : 'failed';
    this.#entries.set(page, entry);
    this.#arrivals++;
  }
}
