// What the page knows: the run's data as it arrives, the selection, and everything computed from the two. One object;
// views get slices of it. Fetches happen here, on a change of metric, mode, image, query or direction: never on hover.
import { decode, encode, type Restored } from '../core/address';
import type { Rows } from '../core/attention';
import {
  attentionAnswer,
  firstImage,
  headAt,
  headIndex,
  maxHeads,
  queryOf,
  rowsInScope,
  type Answer,
} from '../core/focus';
import { descending, ranks, summarise, type Summary } from '../core/kernels';
import { initialState, reduce, type HeadRef, type Intent, type State } from '../core/state';
import { defaultQuery } from '../core/tokens';
import type { DataSource } from '../io/source';
import { Failure } from '../io/source';
import type { ImageTable, MetricInfo, ModeInfo, ProgressInfo, RunInfo } from '../io/wire';

const POLL_MS = 1000;
const KEPT_ROWS = 48;

/** A run that is loaded: the parts that are there from the first paint on. */
export class Session {
  readonly source: DataSource;
  run = $state.raw<RunInfo>()!;
  images = $state.raw<ImageTable>()!;
  progress = $state.raw<ProgressInfo>()!;
  state = $state.raw<State>(initialState('jsd'));
  notice = $state<string | null>(null);
  /** Set while the server does not answer. */
  outage = $state.raw<Failure | null>(null);

  #column = $state.raw<{ key: string; values: Float32Array } | null>(null);
  columnFailure = $state.raw<Failure | null>(null);
  rows = $state.raw<Rows | null>(null);
  rowsLoading = $state(false);
  rowsFailure = $state.raw<Failure | null>(null);
  /** The image the app chose by itself; it stays while the run grows. */
  #settled = $state.raw<{ scope: State['scope']; image: number } | null>(null);

  readonly #seenRows = new Map<string, Rows>();
  #abort: AbortController | null = null;
  #kept: Restored['kept'] = [];

  private constructor(source: DataSource) {
    this.source = source;
  }

  static async open(source: DataSource, hash: string): Promise<Session> {
    const session = new Session(source);
    [session.run, session.progress, session.images] = await Promise.all([
      source.run(),
      source.progress(),
      source.images(),
    ]);
    session.restore(hash);
    return session;
  }

  // Parts of the state on their own: what depends on one of them is not computed anew when another changes.
  readonly scope = $derived(this.state.scope);
  readonly statistic = $derived(this.state.statistic);
  readonly direction = $derived(this.state.direction);
  readonly metric: MetricInfo = $derived(this.run.metrics.find((metric) => metric.name === this.state.metric)!);
  readonly mode: ModeInfo = $derived(this.run.modes.find((mode) => mode.name === this.state.mode)!);
  readonly width = $derived(maxHeads(this.run));
  readonly inScope = $derived(rowsInScope(this.images, this.scope));

  /** Values [image, layer, head] of the metric and mode in force; null until they are here. */
  readonly values: Float32Array | null = $derived(
    this.#column?.key === `${this.state.metric}/${this.state.mode}` ? this.#column.values : null,
  );
  readonly cells = $derived(this.run.model.nLayers * this.width);
  readonly summary: Summary | null = $derived(this.values && summarise(this.values, this.cells, this.inScope));
  readonly fill: Float64Array | null = $derived(this.summary && this.summary[this.statistic]);
  readonly order: number[] = $derived(this.fill ? descending(this.fill) : []);
  readonly ranks: Int32Array | null = $derived(this.fill && ranks(this.fill));

  readonly head: HeadRef = $derived(
    this.state.head ?? (this.order[0] === undefined ? { layer: 0, head: 0 } : headAt(this.run, this.order[0])),
  );
  readonly headIndex = $derived(headIndex(this.run, this.head));
  readonly image: number | null = $derived(this.state.image ?? this.#ownImage());
  readonly query = $derived(queryOf(this.state, this.run));
  readonly answer: Answer | null = $derived(
    this.image === null
      ? null
      : attentionAnswer(this.run, this.images, this.image, this.query, this.direction),
  );

  /** The value of a head on the focus image. */
  onImage(index: number): number {
    return this.image === null ? NaN : (this.values?.[this.image * this.cells + index] ?? NaN);
  }

  send = (intent: Intent, replace = false): void => {
    const next = reduce(this.state, intent, this.run.tokens);
    if (next === this.state) return;
    this.state = next;
    this.notice = null;
    const address = encode(next, this.run, this.#kept);
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
  };

  restore(hash: string): void {
    const restored = decode(hash, this.run);
    this.state = restored.state;
    this.#kept = restored.kept;
    this.notice = restored.lost.length ? `This run does not have what the link asks for: ${restored.lost.join(', ')}.` : null;
  }

  /** Remember the app's own choice of image, so that it does not jump while results arrive. */
  settle(): void {
    if (this.state.image !== null || this.image === null || !this.values) return;
    if (this.#settled?.scope !== this.state.scope) this.#settled = { scope: this.state.scope, image: this.image };
  }

  /** Keep the column of the metric and mode in force at the latest generation. */
  async loadColumn(metric: string, mode: string): Promise<void> {
    const key = `${metric}/${mode}`;
    try {
      const values = await this.source.importance(metric, mode);
      if (`${this.state.metric}/${this.state.mode}` !== key) return;
      this.#column = { key, values };
      this.columnFailure = null;
    } catch (error) {
      this.columnFailure = asFailure(error);
    }
  }

  /** Fetch the focus token's attention over all heads, unless it is here already; a newer request replaces an older. */
  async loadRows(image: number, query: number, direction: State['direction']): Promise<void> {
    this.#abort?.abort();
    const key = `${image}/${query}/${direction}`;
    const seen = this.#seenRows.get(key);
    this.rowsFailure = null;
    if (seen) {
      this.rows = seen;
      this.rowsLoading = false;
      return;
    }
    const abort = (this.#abort = new AbortController());
    this.rowsLoading = true;
    try {
      const values = await this.source.attention(image, query, direction, abort.signal);
      const { nLayers } = this.run.model;
      this.rows = { values, layers: nLayers, heads: this.width, tokens: this.run.tokens };
      this.#seenRows.set(key, this.rows);
      if (this.#seenRows.size > KEPT_ROWS) this.#seenRows.delete(this.#seenRows.keys().next().value!);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.rows = null;
      this.rowsFailure = asFailure(error);
    }
    this.rowsLoading = false;
  }

  clearRows(): void {
    this.#abort?.abort();
    this.rows = null;
    this.rowsLoading = false;
    this.rowsFailure = null;
  }

  /** Ask how far the run is, again and again until it is complete; refill when shards have landed. */
  watch(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tick = async (): Promise<void> => {
      try {
        const progress = await this.source.progress();
        if (progress.generation !== this.progress.generation) await this.#refresh();
        this.progress = progress;
        this.outage = null;
        if (progress.state === 'complete') return;
      } catch (error) {
        this.outage = asFailure(error);
      }
      timer = setTimeout(tick, document.hidden ? 5 * POLL_MS : POLL_MS);
    };
    if (this.progress.state !== 'complete') timer = setTimeout(tick, POLL_MS);
    return () => clearTimeout(timer);
  }

  async #refresh(): Promise<void> {
    const { metric, mode } = this.state;
    const [run, images] = await Promise.all([this.source.run(), this.source.images()]);
    await this.loadColumn(metric, mode);
    this.run = run;
    this.images = images;
  }

  #ownImage(): number | null {
    const settled = this.#settled;
    if (settled && settled.scope === this.scope) return settled.image;
    // Rather an image whose attention can be shown: without CLS and without the model only the featured ones.
    const query = defaultQuery(this.run.tokens);
    const shown = this.inScope.filter((row) => attentionAnswer(this.run, this.images, row, query, 'from').kind === 'yes');
    return firstImage(this.images, shown.length ? shown : this.inScope, this.values, this.cells);
  }
}

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: 'page', message, hint: 'Reload the page; if it stays, please report it.' });
}
