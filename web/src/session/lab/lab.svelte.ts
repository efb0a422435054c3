// What the Lab knows: the focus image before and after, jobs over many images, and the runs that are kept.
// Made when the Lab is first opened; views find it at `session.lab`.
import { decodeScope, encodeScope } from '../../selection/address';
import { keptCurve, keptScope, sameSet, type LabFill } from '../../selection/lab';
import { failureWords } from '../../words/lab_words';
import { pointsOf } from '../../ground/numbers';
import type { PrunedHead } from '../../selection/prune_set';
import type { Options } from '../../selection/options';
import { EVERYTHING, isEverything, type Scope } from '../../selection/scope';
import type { Intent, State } from '../../selection/state';
import { LabSource } from '../../io/lab';
import { asFailure, type Failure } from '../../io/source';
import type {
  CurveQuestion,
  CurveResult,
  ImageWhatIf,
  LabEntry,
  LabInfo,
  LabRun,
  RunInfo,
  ScopeResult,
} from '../../io/wire';
import { Job, type JobQuestion } from './lab_job.svelte';

const DEBOUNCE_MS = 150;
/** Autorun waits longer than the focus image, so that a row of clicks starts one job. */
const AUTORUN_MS = 700;

/** An answer and the question it is of; the one before stands, greyed, until the next is here. */
interface Focus {
  readonly question: string;
  readonly answer: ImageWhatIf | null;
  readonly failure: Failure | null;
}

/** What the Lab needs of its session. */
export interface Around {
  readonly run: RunInfo;
  readonly state: State;
  readonly options: Options;
  readonly scope: Scope;
  readonly inScope: Int32Array;
  readonly image: number | null;
  readonly recoveries: number;
  readonly send: (intent: Intent) => void;
}

export class LabModel {
  readonly #session: Around;
  readonly #source = new LabSource();
  info = $state.raw<LabInfo | null>(null);
  infoFailure = $state.raw<Failure | null>(null);
  #focus = $state.raw<Focus | null>(null);
  readonly scopeJob = new Job<ScopeResult>(this.#source, (message) => message.result ?? null);
  readonly curveJob = new Job<CurveResult>(this.#source, (message) => message.curve ?? null);
  /** Kept runs that were fetched whole. */
  #opened = $state.raw<ReadonlyMap<string, LabRun>>(new Map());
  readonly #asked = new Set<string>();
  /** What the last deletion, renaming or opening said. */
  notice = $state('');

  constructor(session: Around) {
    this.#session = session;
    void this.refresh();
  }

  readonly set: readonly PrunedHead[] = $derived.by(() => this.#session.state.pruned);
  readonly fill: LabFill = $derived.by(() => this.#session.options.labFill);
  readonly live: boolean = $derived.by(() => this.#session.run.capabilities.live);
  /** The images as the address says it; empty = all. */
  readonly scope: string = $derived.by(() => encodeScope(this.#session.scope));
  readonly runs: readonly LabEntry[] = $derived(this.info?.runs ?? []);
  readonly question: JobQuestion = $derived({ set: this.set, fill: this.fill, scope: this.scope });
  readonly #imageQuestion: string = $derived.by(() =>
    JSON.stringify([this.#session.image, this.fill, this.set, this.#session.recoveries]),
  ); // asked anew when the server is back

  /** The focus image's answer, and whether it is to the question on the page. */
  readonly focus = $derived(this.#focus && { ...this.#focus, current: this.#focus.question === this.#imageQuestion });

  /** Seconds that an image takes once through the model, as last heard; null without it. */
  readonly secondsPerImage: number | null = $derived(
    this.#focus?.answer?.secondsPerImage ?? this.info?.secondsPerImage ?? null,
  );

  readonly #keptScope: LabEntry | null = $derived(keptScope(this.runs, this.set, this.fill, this.scope));
  readonly #keptCurve: LabEntry | null = $derived.by(() => {
    const chosen = this.runs.find(({ id }) => id === this.chosenCurve);
    return chosen && chosen.scope === this.scope ? chosen : keptCurve(this.runs, this.scope);
  });
  /** Id of the curves that were opened from the list. */
  chosenCurve = $state<string | null>(null);

  /** The job over the scope, where it is about what is on the page now. */
  readonly scopeGoing = $derived(
    this.scopeJob.current && this.#answers(this.scopeJob.current) ? this.scopeJob.current : null,
  );
  readonly curveGoing = $derived(this.curveJob.current?.scope === this.scope ? this.curveJob.current : null);
  /** What pruning does to the images in scope: of the job, or kept. */
  readonly scopeResult: { readonly result: ScopeResult; readonly kept: LabEntry | null } | null = $derived.by(() => {
    const going = this.scopeGoing;
    if (going?.result) return { result: going.result, kept: null };
    const run = this.#keptScope && this.#whole(this.#keptScope.id);
    return run?.result && going?.state !== 'running' ? { result: run.result, kept: this.#keptScope } : null;
  });
  readonly curveResult: { readonly result: CurveResult; readonly kept: LabEntry | null } | null = $derived.by(() => {
    const going = this.curveGoing;
    if (going?.result && this.chosenCurve === null) return { result: going.result, kept: null };
    const run = this.#keptCurve && this.#whole(this.#keptCurve.id);
    return run?.curve ? { result: run.curve, kept: this.#keptCurve } : null;
  });

  #answers(asked: JobQuestion): boolean {
    return asked.fill === this.fill && asked.scope === this.scope && sameSet(asked.set, this.set);
  }

  /** Ask about the focus image whenever the question changes. To be called in an effect. */
  followImage(): (() => void) | undefined {
    const [question, image, { set, fill }] = [this.#imageQuestion, this.#session.image, this.question];
    if (!this.live || image === null || !set.length) {
      this.#focus = null;
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(
      () => void this.#askImage(question, image, { heads: [...set], fill }, abort.signal),
      DEBOUNCE_MS,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }

  /** Ask for the kept runs again when the server has come back. To be called in an effect. */
  followServer(): void {
    if (this.#session.recoveries > 0) void this.refresh();
  }

  async #askImage(
    question: string,
    image: number,
    asked: { heads: PrunedHead[]; fill: LabFill },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const answer = await this.#source.image(image, asked, signal);
      if (!signal.aborted) this.#focus = { question, answer, failure: null };
    } catch (error) {
      if (!signal.aborted) this.#focus = { question, answer: null, failure: asFailure(error) };
    }
  }

  /** With autorun on, run over the scope whenever the question changes. To be called in an effect. */
  followScope(): (() => void) | undefined {
    const { set } = this.question;
    if (this.#session.options.labAutorun !== 'on' || !this.live || !set.length || this.#keptScope || !this.info)
      return undefined;
    const timer = setTimeout(() => void this.runScope(), AUTORUN_MS);
    return () => clearTimeout(timer);
  }

  async runScope(): Promise<void> {
    const { question } = this;
    const asked = {
      heads: [...question.set],
      fill: question.fill,
      scope: question.scope,
      name: '',
      rows: this.#rows(),
    };
    await this.curveJob.cancel();
    this.#keep(await this.scopeJob.follow(question, (signal) => this.#source.scope(asked, signal)));
  }

  async runCurve(asked: Omit<CurveQuestion, 'rows' | 'scope' | 'name'>): Promise<void> {
    const question = { ...this.question, set: [] };
    await this.scopeJob.cancel();
    this.chosenCurve = null;
    const whole = { ...asked, scope: question.scope, name: '', rows: this.#rows() };
    this.#keep(await this.curveJob.follow(question, (signal) => this.#source.curve(whole, signal)));
  }

  /** null = all images: a short question, the same however far the run is. */
  #rows(): number[] | null {
    return isEverything(this.#session.scope) ? null : [...this.#session.inScope];
  }

  #keep(entry: LabEntry | null): void {
    if (!entry) return;
    this.#opened = new Map([...this.#opened].filter(([id]) => id !== entry.id)); // asked again, it is another one
    this.#asked.delete(entry.id);
    void this.refresh();
  }

  async refresh(): Promise<void> {
    await this.#tell(() => this.#source.info());
  }

  /** Delete a kept run. */
  forget = (entry: LabEntry): Promise<void> =>
    this.#tell(() => this.#source.forget(entry.id), `Deleted: ${entry.name}.`);
  rename = (entry: LabEntry, name: string): Promise<void> =>
    this.#tell(() => this.#source.rename(entry.id, name), `Renamed to ${name}.`);

  /** Bring back what a kept run was about: its heads, fill and images; its numbers are then on the page. */
  open = (entry: LabEntry): void => {
    const scope = entry.scope ? decodeScope(entry.scope, this.#session.run) : EVERYTHING;
    if (!scope) {
      this.notice = `The images of “${entry.name}” cannot be found again in this run.`;
      return;
    }
    if (entry.kind === 'curve') {
      this.chosenCurve = entry.id;
      this.#session.send({ kind: 'preset', words: `Open ${entry.name}`, change: { scope } });
      return;
    }
    const words = `Open ${entry.name}${entry.change === null || entry.change === undefined ? '' : `, ${pointsOf(entry.change)}`}`;
    this.#session.send({
      kind: 'preset',
      words,
      change: { pruned: entry.heads, scope },
      options: { labFill: entry.fill },
    });
  };

  /** A kept run as a whole; null while it is fetched. To be read in a derived. */
  whole = (id: string): LabRun | null => this.#whole(id);

  #whole(id: string): LabRun | null {
    const found = this.#opened.get(id);
    if (!found && !this.#asked.has(id)) {
      this.#asked.add(id);
      queueMicrotask(() => void this.#fetch(id)); // not now: a derived must not change state
    }
    return found ?? null;
  }

  async #fetch(id: string): Promise<void> {
    try {
      const run = await this.#source.run(id);
      this.#opened = new Map([...this.#opened, [id, run]]);
    } catch (error) {
      this.notice = failureWords(asFailure(error));
    }
  }

  async #tell(ask: () => Promise<LabInfo>, done = ''): Promise<void> {
    try {
      this.info = await ask();
      this.infoFailure = null;
      this.notice = done;
    } catch (error) {
      const failure = asFailure(error);
      if (this.info) this.notice = failureWords(failure);
      else this.infoFailure = failure;
    }
  }
}
