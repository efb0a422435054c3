// Columns that other panes and other choices will need, read one after the other while nothing else is going on, so
// that a later choice fetches nothing. The likeliest first, and no more than is small together. Then the first atlases of
// small pictures, and a change of the scope is rehearsed.
import { PATTERN_COLUMNS, STRENGTHS } from '../ground/quantities';
import { tokenCount } from '../ground/tokens';
import type { Loaded } from '../session/cache.svelte';
import type { Session } from '../session/session.svelte';

const MOST_BYTES = 16 * 2 ** 20;
/** Of small pictures: the server works on each for about a second. */
const MOST_ATLASES = 5;
const FLOAT32 = 4;
const FLOAT16 = 2;
const IDLE_MS = 400;
/** Long enough for the answers to the one before. */
const REHEARSE_MS = 150;
const REHEARSALS = ['wrong', 'right', 'wrong', 'right'] as const;

interface Column {
  readonly bytes: number;
  readonly read: () => Loaded<unknown>;
}

export class Prefetch {
  #idle = $state(false);
  #rehearsed = $state(0);

  /** To be called in an effect: asks for the next column, and is called again when it has come. */
  run(session: Session): (() => void) | undefined {
    if (session.progress.state !== 'complete' || session.outage || !session.values) return undefined;
    if (!this.#idle) {
      const timer = setTimeout(() => (this.#idle = true), IDLE_MS);
      return () => clearTimeout(timer);
    }
    let bytes = 0;
    for (const column of wanted(session)) {
      bytes += column.bytes;
      if (bytes > MOST_BYTES) break;
      const { value, failure } = column.read();
      if (!value && !failure) return undefined; // on its way now
    }
    const { perPage } = session.run.thumbs;
    for (let image = 0; image < Math.min(session.run.nImages, MOST_ATLASES * perPage); image += perPage) {
      if (!session.thumbs.place(image)) return undefined; // as above
    }
    return this.#rehearse(session);
  }

  #rehearse(session: Session): (() => void) | undefined {
    const correct = REHEARSALS[this.#rehearsed];
    if (!correct || session.state.view !== 'explore') return undefined;
    const timer = setTimeout(() => {
      this.#rehearsed++;
      // Not under a user's hands: what has the focus may be made anew.
      if (document.activeElement === document.body) session.rehearse(correct);
    }, REHEARSE_MS);
    return () => clearTimeout(timer);
  }
}

const MOST_TOKENS = 64;

function wanted({ data, run, state, cells, head }: Session): Column[] {
  const size = run.nImages * cells;
  const metrics = run.metrics.filter((metric) => metric.available);
  const modes = run.modes.filter((mode) => mode.available && mode.name !== 'head');
  const side = Math.max(MOST_TOKENS, tokenCount(run.tokens));
  const layers = run.capabilities.mean ? [head.layer, ...run.model.nHeads.keys()] : [];
  return [
    // The first change of the scope asks for them: content dependence over other images than all.
    ...(run.capabilities.patterns ? PATTERN_COLUMNS : []).map((what) => ({
      bytes: size * FLOAT32,
      read: () => data.patternColumn(what),
    })),
    // Why a head matters names the token that draws all: it is in the mean matrices.
    ...[...new Set(layers)].map((layer) => ({
      bytes: run.model.nHeads[layer]! * side * side,
      read: () => data.meanMatrices(layer),
    })),
    ...run.spread
      .filter((measure) => measure.available)
      .map(({ name }) => ({ bytes: size * FLOAT16, read: () => data.spread(name) })),
    ...metrics.map(({ name }) => ({ bytes: size * FLOAT32, read: () => data.importance(name, 'head') })),
    // Small, but the server goes through all rows of CLS for it.
    ...(run.tokens.cls === null
      ? []
      : [{ bytes: run.nImages * (run.model.nLayers + 1) * FLOAT32, read: () => data.levels() }]),
    ...STRENGTHS.toReversed().map((kind) => ({ bytes: size * run.hops * FLOAT16, read: () => data.strength(kind) })),
    ...modes.map(({ name }) => ({ bytes: size * FLOAT32, read: () => data.importance(state.metric, name) })),
  ];
}
