// Atlases of small pictures: each is fetched when a picture of it is first wanted, once for as long as the run stands still.
import type { Session } from '../../app/session.svelte';

type Entry = { readonly element: HTMLImageElement; generation: number; state: 'loading' | 'here' | 'failed' };

export interface Place {
  readonly atlas: HTMLImageElement;
  /** Corner of the picture in the atlas, and its side. */
  readonly left: number;
  readonly top: number;
  readonly size: number;
}

/** Outside of any derived: a state made within one would not tell that one of its changes. */
const arrivals = new (class {
  n = $state(0);
})();

class Atlases {
  readonly #entries = new Map<number, Entry>();
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Where an image's small picture is; null while it is fetched, 'none' when there is none. To be read in a derived. */
  place(image: number): Place | 'none' | null {
    const { run, images } = this.#session;
    const { size, columns, perPage } = run.thumbs;
    if (image >= images.name.length || size <= 0) return 'none';
    const entry = this.#read(Math.floor(image / perPage));
    if (entry.state !== 'here') return entry.state === 'failed' ? 'none' : null;
    const at = image % perPage;
    return { atlas: entry.element, left: (at % columns) * size, top: Math.floor(at / columns) * size, size };
  }

  #read(page: number): Entry {
    void arrivals.n;
    const generation = this.#session.data.generation;
    const recoveries = this.#session.recoveries;
    const held = this.#entries.get(page);
    if (held && held.generation === generation + recoveries) return held;
    const element = new Image();
    const entry: Entry = { element, generation: generation + recoveries, state: 'loading' };
    const settle = (state: Entry['state']): void => {
      entry.state = state;
      this.#entries.set(page, entry);
      arrivals.n++;
    };
    element.onload = () => settle('here');
    element.onerror = () => settle('failed');
    element.src = this.#session.source.thumbs(page);
    // Until a newer atlas has come, the older one is shown.
    if (held) held.generation = generation + recoveries;
    else this.#entries.set(page, entry);
    return held ?? entry;
  }
}

const bySession = new WeakMap<Session, Atlases>();

export function atlasesOf(session: Session): Atlases {
  let atlases = bySession.get(session);
  if (!atlases) bySession.set(session, (atlases = new Atlases(session)));
  return atlases;
}
