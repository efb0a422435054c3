// A job of the Lab as the page follows it: what it has found so far, how far it is, how it ended.
import type { LabFill } from '../../selection/lab';
import type { PrunedHead } from '../../selection/prune_set';
import type { LabSource } from '../../io/lab';
import { asFailure, Failure } from '../../io/failure';
import type { LabEntry, LabMessage } from '../../io/wire';

/** What a job was asked, to tell whether it still answers the question on the page. */
export interface JobQuestion {
  readonly set: readonly PrunedHead[];
  readonly fill: LabFill;
  readonly scope: string;
}

export interface Going<R> extends JobQuestion {
  readonly state: 'running' | 'done' | 'cancelled' | 'failed';
  readonly result: R | null;
  readonly stage: LabMessage['stage'];
  /** Of the stage. */
  readonly share: number;
  readonly secondsLeft: number | null;
  readonly failure: Failure | null;
  /** Why a result that is whole could not be kept. */
  readonly unsaved: string;
}

export class Job<R> {
  current = $state.raw<Going<R> | null>(null);
  #abort: AbortController | null = null;
  #id = '';
  readonly #source: LabSource;
  readonly #resultOf: (message: LabMessage) => R | null;

  constructor(source: LabSource, resultOf: (message: LabMessage) => R | null) {
    this.#source = source;
    this.#resultOf = resultOf;
  }

  get running(): boolean {
    return this.current?.state === 'running';
  }

  /** Follow a job to its end; one that is going on is given up first. Returns the run that was kept. */
  async follow(
    question: JobQuestion,
    messages: (signal: AbortSignal) => AsyncGenerator<LabMessage>,
  ): Promise<LabEntry | null> {
    const abort = new AbortController();
    const before = this.cancel();
    this.#abort = abort;
    this.current = {
      ...question,
      state: 'running',
      result: null,
      stage: 'reading',
      share: 0,
      secondsLeft: null,
      failure: null,
      unsaved: '',
    };
    await before;
    let kept: LabEntry | null = null;
    try {
      if (abort.signal.aborted) return null;
      for await (const message of messages(abort.signal)) {
        if (this.#abort !== abort) return null;
        this.#take(message);
        kept = message.saved ?? null;
      }
      if (this.#abort === abort && this.running)
        this.#put({
          state: 'failed',
          failure: new Failure({
            code: 'unreachable',
            message: 'The server ended the job without an answer.',
            hint: 'Run it again; the log of vitscope serve may say why.',
          }),
        });
    } catch (error) {
      if (this.#abort === abort)
        this.#put(abort.signal.aborted ? { state: 'cancelled' } : { state: 'failed', failure: asFailure(error) });
    }
    return kept;
  }

  /** End the job; what it has found stays on the page. */
  async cancel(): Promise<void> {
    if (!this.running) return;
    const [id, abort] = [this.#id, this.#abort];
    this.#id = '';
    this.#put({ state: 'cancelled' });
    if (id) await this.#source.cancel(id);
    abort?.abort();
  }

  #take(message: LabMessage): void {
    const { kind, job, stage, share, secondsLeft, unsaved, error } = message;
    this.#id = job;
    const result = this.#resultOf(message);
    if (kind === 'failed') this.#put({ state: 'failed', failure: new Failure(error!) });
    else if (kind !== 'started') {
      const state = kind === 'progress' ? this.current!.state : kind;
      this.#put({ state, stage, share, secondsLeft: secondsLeft ?? null, unsaved, ...(result ? { result } : {}) });
    }
  }

  #put(change: Partial<Going<R>>): void {
    this.current = { ...this.current!, ...change };
  }
}
