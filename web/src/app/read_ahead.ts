// Columns that other panes and other choices will need, read one after the other while nothing else is going on, so
// that a later choice fetches nothing. The likeliest first, and no more than is small together. Then the first atlases of
// small pictures.
import { PATTERN_COLUMNS, STRENGTHS } from '../ground/quantities';
import type { Loaded } from '../session/cache.svelte';
import type { Session } from '../session/session.svelte';

const MOST_BYTES = 16 * 2 ** 20;
/** Of small pictures: the server works on each for about a second. */
const MOST_ATLASES = 5;
const FLOAT32 = 4;
const FLOAT16 = 2;

interface Column {
  readonly bytes: number;
  readonly read: () => Loaded<unknown>;
}

/** To be called in an effect, of a page at rest: asks for the next column, and is called again when it has come. */
export function readAhead(session: Session): void {
  if (session.progress.state !== 'complete' || session.outage || !session.values) return;
  let bytes = 0;
  for (const column of wanted(session)) {
    bytes += column.bytes;
    if (bytes > MOST_BYTES) break;
    const { value, failure } = column.read();
    if (!value && !failure) return; // on its way now
  }
  const { perPage } = session.run.thumbs;
  for (let image = 0; image < Math.min(session.run.nImages, MOST_ATLASES * perPage); image += perPage) {
    if (!session.thumbs.place(image)) return; // as above
  }
}

function wanted({ data, run, state, cells }: Session): Column[] {
  const size = run.nImages * cells;
  const metrics = run.metrics.filter((metric) => metric.available);
  const modes = run.modes.filter((mode) => mode.available && mode.name !== 'head');
  return [
    // The first change of the scope asks for them: content dependence over other images than all.
    ...(run.capabilities.patterns ? PATTERN_COLUMNS : []).map((what) => ({
      bytes: size * FLOAT32,
      read: () => data.get('pattern_column', { column: what }),
    })),
    // Why a head matters, over a part of the images, names the tokens that draw all.
    { bytes: cells * FLOAT32, read: () => data.get('sinks', {}) },
    ...run.spread
      .filter((measure) => measure.available)
      .map(({ name }) => ({ bytes: size * FLOAT16, read: () => data.get('spread', { measure: name }) })),
    ...metrics.map(({ name }) => ({
      bytes: size * FLOAT32,
      read: () => data.get('importance', { metric: name, mode: 'head' }),
    })),
    // Small, but the server goes through all rows of CLS for it.
    ...(run.tokens.cls === null
      ? []
      : [{ bytes: run.nImages * (run.model.nLayers + 1) * FLOAT32, read: () => data.get('levels', {}) }]),
    ...STRENGTHS.toReversed().map((kind) => ({
      bytes: size * run.hops * FLOAT16,
      read: () => data.get('strength', { kind }),
    })),
    ...modes.map(({ name }) => ({
      bytes: size * FLOAT32,
      read: () => data.get('importance', { metric: state.metric, mode: name }),
    })),
  ];
}
