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
/** Of a complete run too: the server may go away, or the run may get further modes. */
const QUIET_POLL_MS = 5000;
/** Attention of the token before is shown no longer than this while the next one's is awaited. */
const STALE_MS = 150;
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
  /** How often the server came back: what failed meanwhile is asked for again. */
  recoveries = $state(0);

  #column = $state.raw<{ key: string; values: Float32Array } | null>(null);
  columnFailure = $state.raw<Failure | null>(null);
  rows = $state.raw<Rows | null>(null);
  rowsLoading = $state(false);
  rowsFailure = $state.raw<Failure | null>(null);
  /** The image the app chose by itself; it stays while the run grows. */
  #settled = $state.raw<{ scope: State['scope']; image: number } | null>(null);

  readonly #seenRows = new Map<string, Rows>();
  #abort: AbortController | null = null;
  #stale: ReturnType<typeof setTimeout> | undefined;
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
  readonly column = $derived(`${this.state.metric}/${this.state.mode}`);
  readonly mode: ModeInfo = $derived(this.run.modes.find((mode) => mode.name === this.state.mode)!);
  readonly width = $derived(maxHeads(this.run));
  readonly inScope = $derived(rowsInScope(this.images, this.scope));

  /** Values [image, layer, head] of the metric and mode in force; null until they are here. */
  readonly values: Float32Array | null = $derived(
    this.#column?.key === this.column ? this.#column.values : null,
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

  /** Fetch the column of the metric and mode in force; an answer that comes after the next choice is dropped. */
  async loadColumn(): Promise<void> {
    const asked = this.column;
    this.columnFailure = null;
    try {
      await this.#fetchColumn();
    } catch (error) {
      if (this.column === asked && !this.values) this.columnFailure = asFailure(error);
    }
  }

  async #fetchColumn(): Promise<void> {
    const key = this.column;
    const values = await this.source.importance(this.state.metric, this.state.mode);
    if (this.column === key) this.#column = { key, values };
  }

  /** Fetch the focus token's attention over all heads, unless it is here already; a newer request replaces an older. */
  async loadRows(image: number, query: number, direction: State['direction']): Promise<void> {
    this.#abort?.abort();
    const key = `${image}/${query}/${direction}`;
    const seen = this.#seenRows.get(key);
    this.rowsFailure = null;
    if (seen) {
      this.#showRows(seen);
      return;
    }
    const abort = (this.#abort = new AbortController());
    this.rowsLoading = true;
    this.#stale ??= setTimeout(() => (this.rows = null), STALE_MS);
    try {
      const values = await this.source.attention(image, query, direction, abort.signal);
      const { nLayers } = this.run.model;
      const rows = { values, layers: nLayers, heads: this.width, tokens: this.run.tokens };
      if (abort.signal.aborted) return;
      this.#showRows(rows);
      this.#seenRows.set(key, rows);
      if (this.#seenRows.size > KEPT_ROWS) this.#seenRows.delete(this.#seenRows.keys().next().value!);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#showRows(null);
      this.rowsFailure = asFailure(error);
    }
  }

  clearRows(): void {
    this.#abort?.abort();
    this.#showRows(null);
    this.rowsFailure = null;
  }

  #showRows(rows: Rows | null): void {
    clearTimeout(this.#stale);
    this.#stale = undefined;
    this.rows = rows;
    this.rowsLoading = false;
  }

  /** Ask how far the run is, again and again; refill when shards have landed or the server has come back. */
  watch(): () => void {
    const tick = async (): Promise<void> => {
      try {
        const progress = await this.source.progress();
        if (this.outage || progress.generation !== this.progress.generation) await this.#refresh();
        this.progress = progress;
        if (this.outage) this.#recover();
      } catch (error) {
        this.outage = asFailure(error);
      }
      if (!stopped) timer = setTimeout(tick, this.#pause());
    };
    let stopped = false;
    let timer = setTimeout(tick, this.#pause());
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }

  #pause(): number {
    const quiet = document.hidden || (this.progress.state === 'complete' && !this.outage);
    return quiet ? QUIET_POLL_MS : POLL_MS;
  }

  async #refresh(): Promise<void> {
    const [run, images] = await Promise.all([this.source.run(), this.source.images()]);
    if (run.runId !== this.run.runId) {
      location.reload(); // another run is served at this address now; the link says what of the view it can keep
      return;
    }
    await this.#fetchColumn();
    this.columnFailure = null;
    this.run = run;
    this.images = images;
  }

  #recover(): void {
    this.outage = null;
    this.recoveries++;
    if (this.rowsFailure && this.image !== null) void this.loadRows(this.image, this.query, this.direction);
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
