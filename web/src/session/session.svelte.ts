// What the page knows: the run's data as it arrives, the selection with its history, and everything computed from the
// two. One object; views get slices of it and send intents. Nothing is fetched on hover.
import { decode, encode, type Restored } from '../selection/address';
import type { RowsOfToken } from '../attention/rows';
import { attentionAnswer, type Answer } from '../words/answers';
import { firstImage, queryOf } from '../selection/focus';
import { headAt, headIndex, maxHeads } from '../ground/run';
import { amend, begin, commit, go, type History } from '../selection/history';
import type { Interval } from '../stats/intervals';
import { descending, ranks, type Summary } from '../stats/kernels';
import { Memo } from '../ground/memo';
import { axesOf, axisValues, boxed, layoutOf, type AxisData } from '../selection/positions';
import { EVERYTHING, isEverything, rowsInScope, sameScope, type InScope, type ScopeData } from '../selection/scope';
import { type HeadRef, sameHead, sameHeads } from '../ground/head_ref';
import { initialState, reduce, type Intent, type State } from '../selection/state';
import { defaultQuery } from '../ground/tokens';
import { intentWords } from '../words/words';
import { asFailure, type Failure } from '../io/failure';
import type { DataSource } from '../io/source';
import type { DroppedImage, ImageTable, MetricInfo, ModeInfo, ProgressInfo, RunInfo } from '../io/wire';
import type { InForce } from './in_force';
import type { StrengthName } from '../io/quantities.gen';
import type { Data } from './data.svelte';
import { Intervals } from './compute/intervals.svelte';
import { know, type Known } from './compute/known';
import { OverScope, type Made } from './compute/over_scope.svelte';
import { Workers } from './compute/workers';
import type { Hover } from './hover';
import type { LabModel } from './lab/lab.svelte';
import type { PatternModel } from './patterns.svelte';
import { Shell } from './shell.svelte';
import { Thumbs } from './thumbs.svelte';
import { Travel, type Browser } from './page/travel';

/** Attention of the token before is shown no longer than this while the next one's is awaited. */
const STALE_MS = 150;
const TOP_HEADS = 3;

/** A run that is loaded: the parts that are there from the first paint on. */
export class Session {
  readonly source: DataSource;
  readonly data!: Data;
  run = $state.raw<RunInfo>()!;
  images = $state.raw<ImageTable>()!;
  progress = $state.raw<ProgressInfo>()!;
  history = $state.raw<History<State>>(begin(initialState('jsd'), 'Open the run'));
  hover = $state.raw<Hover | null>(null);
  /** What the page knows of patterns: loaded after the first paint, where the run has any. */
  patterns = $state.raw<PatternModel | null>(null);
  /** What the Lab knows: loaded with it; it stays, so that a job goes on while another perspective is looked at. */
  lab: LabModel | null = null;
  notice = $state<string | null>(null);
  /** Images of the user's own, in the order they were dropped; their numbers follow those of the run. */
  dropped = $state.raw<readonly DroppedImage[]>([]);
  /** Set while the server does not answer. */
  outage = $state.raw<Failure | null>(null);
  /** How often the server came back: pictures that failed meanwhile are asked for again. */
  recoveries = $state(0);
  readonly shell = new Shell();
  readonly thumbs = new Thumbs(this);
  readonly #workers = new Workers();
  readonly intervals = new Intervals(this.#workers, 'ranking');
  /** Of the focus head alone, whatever the other ones are asked for. */
  readonly focusInterval = new Intervals(this.#workers, 'focus');
  readonly overScope = new OverScope(this.#workers);
  /** The image the app chose by itself; it stays while the run grows. */
  #settled: { readonly scope: State['scope']; readonly image: number } | null = null;
  #shownRows = $state.raw<RowsOfToken | null>(null);
  #kept: Restored['kept'] = [];
  #shownBefore: InForce | null = null;
  #headBefore: HeadRef = { layer: 0, head: 0 };
  #headsBefore: readonly HeadRef[] = [];
  readonly #travel: Travel;
  #openedBy = '';

  private constructor({ source, run, progress, data }: Known, images: ImageTable, browser: Browser | null) {
    this.#travel = new Travel((at) => this.#arriveAlone(at), browser);
    [this.source, this.run, this.progress, this.data, this.images] = [source, run, progress, data, images];
  }

  /** With the `browser` the page's address and history are this session's: at most one on a page. */
  static async open(source: DataSource, hash: string, browser: Browser | null = null): Promise<Session> {
    const [known, images] = await Promise.all([know(source, hash), source.get('images', {})]);
    const session = new Session(known, images, browser);
    session.restore(hash);
    return session;
  }

  // Parts of the state on their own: what depends on one of them is not computed anew when another changes.
  readonly state: State = $derived(this.history.steps[this.history.at]!.state);
  readonly options = $derived(this.state.options);
  readonly scope = $derived(this.state.scope);
  readonly statistic = $derived(this.options.statistic);
  readonly direction = $derived(this.state.direction);
  readonly metric: MetricInfo = $derived(this.run.metrics.find((metric) => metric.name === this.state.metric)!);
  readonly mode: ModeInfo = $derived(this.run.modes.find((mode) => mode.name === this.state.mode)!);
  readonly width = $derived(maxHeads(this.run));
  readonly cells = $derived(this.run.model.nLayers * this.width);

  /** Rows of all images that are done and readable. */
  readonly everyRow: Int32Array = $derived(rowsInScope(this.images, EVERYTHING).rows);
  readonly #inScope: InScope = $derived(rowsInScope(this.images, this.scope, this.#scopeData()));
  /** Rows of the images in scope; the same array as long as they are the same images. */
  readonly inScope: Int32Array = $derived(this.#sameRows(this.#inScope.rows));
  readonly inForce: InForce = $derived(
    this.#sameInForce({ scope: this.scope, rows: this.inScope, metric: this.metric.name, mode: this.mode.name }),
  );
  /** The same with the aggregates, in one update with them: what is no aggregate never stands beside numbers of another scope. */
  readonly shown: InForce = $derived(this.#withAggregates(this.inForce));
  readonly following: boolean = $derived(this.shown !== this.inForce);
  readonly scopePending = $derived(this.#inScope.pending);

  /** Values [image, layer, head] of the metric and mode in force; null until they are here. */
  readonly column = $derived(this.data.get('importance', { metric: this.state.metric, mode: this.state.mode }));
  readonly values: Float32Array | null = $derived(this.column.value);
  readonly columnFailure: Failure | null = $derived(this.values ? null : this.column.failure);
  readonly summary: Summary | null = $derived(this.summaryOf(this.state.metric, this.state.mode));
  /** Rows of the images that the aggregates shown are of: for a moment those of the scope before. */
  readonly aggregated: Int32Array = $derived(
    this.#summarised(this.state.metric, this.state.mode)?.rows ?? this.inScope,
  );
  readonly fill: Float64Array | null = $derived(this.summary && this.summary[this.statistic]);
  /** Head places, the largest value first. */
  readonly order: number[] = $derived(this.fill ? descending(this.fill) : []);
  readonly ranks: Int32Array | null = $derived.by(() => {
    const told = this.aggregated === this.inScope ? this.#ranking?.value : null;
    return told?.rank ?? (this.fill && ranks(this.fill));
  });

  /** Ranks and the means' intervals over all images, as `vitscope show` says them; null where others are asked for. */
  readonly #ranking = $derived.by(() => {
    if (!this.values || !isEverything(this.scope) || this.statistic !== 'mean') return null;
    const asked = this.data.get('ranking', { metric: this.metric.name, mode: this.mode.name });
    return asked.failure ? null : asked;
  });
  /** Whether the intervals are the server's, so that none need be made here. */
  readonly intervalsTold = $derived(this.#ranking !== null);

  /** The 95 % interval of a head over the images in scope; null where it is not here yet. */
  intervalOf(index: number): Interval | null {
    const told = this.#ranking?.value;
    if (told) return [told.low[index]!, told.high[index]!];
    return this.intervals.current.get(index) ?? this.focusInterval.current.get(index) ?? null;
  }

  /** Another measure is on its way: the heads that follow from one stay as they were. */
  readonly #awaited = $derived(!this.fill && !this.columnFailure);
  readonly head: HeadRef = $derived(
    this.#sameHead(
      this.state.head ??
        this.state.heads?.[0] ??
        (this.#awaited
          ? this.#headBefore
          : this.order[0] === undefined
            ? { layer: 0, head: 0 }
            : headAt(this.run, this.order[0])),
    ),
  );
  readonly headIndex = $derived(headIndex(this.run, this.head));
  /** The head set: the user's, or the top three. */
  readonly heads: readonly HeadRef[] = $derived(
    this.#sameHeads(
      this.state.heads ??
        (this.#awaited ? this.#headsBefore : this.order.slice(0, TOP_HEADS).map((index) => headAt(this.run, index))),
    ),
  );
  readonly image: number | null = $derived(this.state.image ?? this.#ownImage());
  readonly query = $derived(queryOf(this.state, this.run));
  readonly answer: Answer | null = $derived(
    this.image === null ? null : attentionAnswer(this.run, this.images, this.image, this.query, this.direction),
  );

  readonly #asked = $derived(
    this.image !== null && this.answer?.kind === 'yes'
      ? this.data.get('attention', { image: this.image, query: this.query, direction: this.direction })
      : null,
  );
  readonly #askedRows: RowsOfToken | null = $derived.by(() => {
    const { run, width, query, direction } = this;
    const values = this.#asked?.value;
    return values ? { values, layers: run.model.nLayers, heads: width, tokens: run.tokens, query, direction } : null;
  });
  /** Attention of the focus token over all heads; for a moment still that of the token before. */
  readonly rows: RowsOfToken | null = $derived(this.#askedRows ?? this.#shownRows);
  readonly rowsFailure: Failure | null = $derived(this.#asked?.failure ?? null);
  readonly rowsLoading = $derived(this.#asked !== null && !this.#askedRows && !this.rowsFailure);

  /** The value of a head on the focus image. */
  onImage(index: number): number {
    return this.image === null || this.image >= this.run.nImages
      ? NaN
      : (this.values?.[this.image * this.cells + index] ?? NaN);
  }

  /** Statistics over the images in scope for any metric and mode; null while they are on their way. */
  summaryOf(metric: string, mode: string): Summary | null {
    const made = this.#summarised(metric, mode);
    // Over all images it is the server's, as soon as everything else that is shown is over all images too.
    const whole = isEverything(this.scope) && (made?.rows ?? this.inScope) === this.inScope;
    const told = whole ? this.data.get('summary', { metric, mode }).value : null;
    return told ?? made?.result ?? null;
  }

  #summarised(metric: string, mode: string): Made<Summary> | null {
    const { value: values } = this.data.get('importance', { metric, mode });
    return values && this.overScope.made('summarise', `importance/${metric}/${mode}`, values, this.cells, this.inScope);
  }

  /** Mean over the images in scope, [layer, head, hop]. */
  strengthMeans(kind: StrengthName): Float64Array | null {
    const values = this.data.get('strength', { kind }).value;
    return values && this.overScope.read('means', `strength/${kind}`, values, this.cells * this.run.hops, this.inScope);
  }

  /** Mean over the images in scope, [layer, head]. */
  spreadMeans(measure: string): Float64Array | null {
    const values = this.data.get('spread', { measure }).value;
    return values && this.overScope.read('means', `spread/${measure}`, values, this.cells, this.inScope);
  }

  /** Positions [image, 2] on a map of the images, in parts of its box; null while they are on their way. */
  positions(map: string): Float32Array | null {
    const axes = axesOf(map);
    if (axes) {
      const [x, y] = axes.map((axis) => axisValues(axis, this.#axisData()));
      return x && y ? this.#memo.get(map, [x, y], () => boxed(x, y)) : null;
    }
    const found = this.data.get('layout', layoutOf(map)).value;
    const axis = (at: number): Float32Array => found!.positions.filter((_, i) => i % 2 === at);
    return found && this.#memo.get(map, [found], () => boxed(axis(0), axis(1)));
  }

  /** A number for each image along an axis of a map of two numbers; null while it is on its way. */
  axisNumbers(axis: string): Float32Array | null {
    return axisValues(axis, this.#axisData());
  }

  /** Rows that would be in scope with some of its conditions changed. */
  rowsOf = (change: Partial<State['scope']>): Int32Array => {
    const scope = { ...this.scope, ...change };
    return sameScope(scope, this.scope) ? this.inScope : rowsInScope(this.images, scope, this.#scopeData()).rows;
  };

  /** Do what an intent says; `replace` for a gesture that goes on. */
  send = (intent: Intent, replace = false): void => {
    const next = reduce(this.state, intent, this.run.tokens, this.#stays);
    if (next === this.state) return;
    this.notice = null;
    const address = encode(next, this.run, this.#kept);
    this.history = replace
      ? amend(this.history, next)
      : commit(this.history, next, intentWords(intent, this.run, this.images));
    this.#travel.write(this.history.at, address, replace);
  };

  /** What is shown, as an address. */
  get address(): string {
    return encode(this.state, this.run, this.#kept);
  }

  /** Put the address of what is shown into the browser's bar now: it follows a moment later by itself. */
  writeAddress(): void {
    this.#travel.tell();
  }

  get canUndo(): boolean {
    return this.history.at > 0;
  }

  get canRedo(): boolean {
    return this.history.at < this.history.steps.length - 1;
  }

  /** To a step of the history: the browser's own is kept in step with ours. */
  jump = (at: number): void => {
    if (this.history.steps[at]) this.#travel.to(at, this.history.at);
  };
  // Keys come faster than the browser goes: from the step that is on its way.
  undo = (): void => this.jump((this.#travel.wanted ?? this.history.at) - 1);
  redo = (): void => this.jump((this.#travel.wanted ?? this.history.at) + 1);

  /** The browser went back or forth. */
  popped(at: unknown, hash: string): void {
    if (!this.#travel.arrived(at)) return;
    const step = typeof at === 'number' ? this.history.steps[at] : undefined;
    // The first step may have been opened by an address that says the same in other words: none, for example.
    if (step && (encode(step.state, this.run, this.#kept) === hash || (at === 0 && hash === this.#openedBy))) {
      this.history = go(this.history, at as number);
      this.notice = null;
    } else this.restore(hash);
  }

  /** To the step that was wanted without the browser, which has forgotten it. */
  #arriveAlone(at: number): void {
    this.history = go(this.history, at);
    this.notice = null;
    this.#travel.begin(at, this.address);
  }

  /** Begin anew from an address. */
  restore(hash: string): void {
    const restored = decode(hash, this.run);
    this.#kept = restored.kept;
    this.#openedBy = hash;
    this.history = begin(restored.state, 'Open the run');
    this.#travel.begin(0);
    this.notice = restored.lost.length
      ? `This run does not have what the link asks for: ${restored.lost.join(', ')}.`
      : null;
  }

  /** Show an image of the user's own. */
  async drop(file: File): Promise<void> {
    try {
      const dropped = await this.source.drop(file);
      this.dropped = [...this.dropped, dropped];
      this.send({ kind: 'image', image: dropped.image, open: true });
    } catch (error) {
      const { message, hint } = asFailure(error);
      this.notice = `${message} ${hint}`;
    }
  }

  /** Remember the app's own choice of image, so that it does not jump while results arrive. */
  settle(): void {
    if (this.state.image !== null || this.image === null || !this.values) return;
    const { scope } = this.shown;
    if (this.#settled?.scope !== scope) this.#settled = { scope, image: this.image };
  }

  /** Keep the rows that are shown for a moment after another token was asked for. To be called in an effect. */
  keepRows(): (() => void) | undefined {
    const rows = this.#askedRows;
    if (rows) {
      this.#shownRows = rows;
      return undefined;
    }
    if (this.#asked && !this.rowsFailure) {
      const timer = setTimeout(() => (this.#shownRows = null), STALE_MS);
      return () => clearTimeout(timer);
    }
    this.#shownRows = null;
    return undefined;
  }

  /** Nobody looks at it any more. */
  close(): void {
    this.#workers.close();
  }

  #withAggregates(now: InForce): InForce {
    const there = (this.fill !== null || this.columnFailure !== null) && this.aggregated === now.rows;
    if (there || this.state.view !== 'explore') this.#shownBefore = now;
    return (this.#shownBefore ??= now);
  }

  #ownImage(): number | null {
    const settled = this.#settled;
    const { scope, rows } = this.shown;
    if (settled && settled.scope === scope) return settled.image;
    // Rather an image whose attention can be shown: without CLS and without the model only the featured ones.
    const query = defaultQuery(this.run.tokens);
    const shown = rows.filter((row) => attentionAnswer(this.run, this.images, row, query, 'from').kind === 'yes');
    return firstImage(
      this.images,
      shown.length ? shown : rows,
      this.axisNumbers(`total.${this.metric.name}.${this.mode.name}`),
    );
  }

  /** One of the user's own images is in no scope, and leaves none. */
  #stays = (image: number, scope: State['scope']): boolean =>
    image >= this.run.nImages || rowsInScope(this.images, scope, this.#scopeData()).rows.includes(image);

  #scopeData(): ScopeData {
    return {
      positions: (map) => this.positions(map),
      values: (metric, mode) => this.data.get('importance', { metric, mode }).value,
      width: this.width,
      cells: this.cells,
    };
  }

  #axisData(): AxisData {
    return {
      ...this.#scopeData(),
      images: this.images,
      spread: (measure) => this.data.get('spread', { measure }).value,
      keep: this.#memo.get,
    };
  }

  readonly #memo = new Memo();

  // The very same objects as long as they say the same: what depends on them is not made anew.
  #sameHead(head: HeadRef): HeadRef {
    return sameHead(head, this.#headBefore) ? this.#headBefore : (this.#headBefore = head);
  }

  #sameHeads(heads: readonly HeadRef[]): readonly HeadRef[] {
    return sameHeads(heads, this.#headsBefore) ? this.#headsBefore : (this.#headsBefore = heads);
  }

  #inForceBefore: InForce | null = null;

  #sameInForce(now: InForce): InForce {
    const before = this.#inForceBefore;
    const same = before && (Object.keys(now) as (keyof InForce)[]).every((key) => before[key] === now[key]);
    return same ? before : (this.#inForceBefore = now);
  }

  #rowsBefore = new Int32Array(0);

  #sameRows(rows: Int32Array): Int32Array {
    const before = this.#rowsBefore;
    if (rows.length === this.everyRow.length) rows = this.everyRow; // no others could be as many
    if (before.length === rows.length && before.every((row, i) => row === rows[i])) return before;
    return (this.#rowsBefore = rows as Int32Array<ArrayBuffer>);
  }
}
