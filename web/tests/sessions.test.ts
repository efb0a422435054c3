import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DataSource } from '../src/io/source';
import { Answering, type Question } from '../src/session/compute/answering';
import { Session } from '../src/session/session.svelte';
import type { Summary } from '../src/stats/kernels';
import { images, run } from './fixtures';

/** A worker that answers in tasks of its own, as a browser's does. */
class FakeWorker {
  static started = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly #answering = new Answering((answer) => setTimeout(() => this.onmessage?.({ data: answer })));

  constructor() {
    FakeWorker.started++;
  }

  postMessage(question: Question): void {
    setTimeout(() => this.#answering.take(question));
  }

  terminate(): void {}
}

let told: string[] = [];
const browser = {
  pushState: (state: { at: number }) => void told.push(`push ${state.at}`),
  replaceState: (state: { at: number }) => void told.push(`replace ${state.at}`),
  go: (steps = 0) => void told.push(`go ${steps}`),
};

beforeEach(() => {
  told = [];
  FakeWorker.started = 0;
  vi.stubGlobal('Worker', FakeWorker);
});
afterEach(() => vi.unstubAllGlobals());

const CELLS = 9;

/** A run whose every effect is `effect`; of what is not asked for there is nothing. */
function source(runId: string, effect: number, more: Record<string, unknown> = {}): DataSource {
  const answers: Record<string, unknown> = {
    run: run({ runId, name: runId }),
    progress: { generation: 1, state: 'complete' },
    images: images(),
    importance: new Float32Array(4 * CELLS).fill(effect),
    ...more,
  };
  return { get: async (name: string) => answers[name] } as unknown as DataSource;
}

async function two(): Promise<readonly [Session, Session]> {
  const sessions = [await Session.open(source('a', 1), '', browser), await Session.open(source('b', 2), '')] as const;
  await vi.waitFor(() => sessions.forEach((session) => expect(session.values).not.toBeNull()));
  return sessions;
}

describe('over all images', () => {
  const planted = new Float64Array(CELLS).fill(7);
  const summary: Summary = {
    n: Int32Array.from(planted),
    mean: planted,
    median: planted,
    q1: planted,
    q3: planted,
    consistency: new Float64Array(CELLS).fill(0.25),
  };
  const ranking = { low: planted, high: planted, rank: new Int32Array(CELLS).fill(5) };

  it('are shown mean, consistency, rank and interval as the server says them; over others as the page makes them', async () => {
    const session = await Session.open(source('a', 1, { summary, ranking }), '');
    await vi.waitFor(() => expect(session.ranks).toBe(ranking.rank));
    expect(session.summary).toBe(summary);
    expect(session.intervalOf(0)).toEqual([7, 7]);
    session.send({ kind: 'scope', scope: { correct: 'wrong' } });
    expect([session.summary!.mean[0], session.summary!.consistency[0], session.ranks![0]]).toEqual([1, 1, 1]);
    session.send({ kind: 'scope', scope: { correct: 'all' } });
    expect([session.summary, session.ranks]).toEqual([summary, ranking.rank]);
  });
});

describe('two sessions on one page', () => {
  it('have numbers of their own, under the same names', async () => {
    const [a, b] = await two();
    expect([a.run.runId, b.run.runId]).toEqual(['a', 'b']);
    expect([a.fill![0], b.fill![0]]).toEqual([1, 2]);
  });

  it('have rows, choices and steps of their own; one of them the address', async () => {
    const [a, b] = await two();
    a.send({ kind: 'scope', scope: { correct: 'wrong' } });
    a.writeAddress();
    b.send({ kind: 'head', head: { layer: 1, head: 2 } });
    b.send({ kind: 'head', head: { layer: 2, head: 1 } });
    b.writeAddress();
    expect([[...a.inScope], [...b.inScope]]).toEqual([
      [1, 2],
      [0, 1, 2, 3],
    ]);
    expect([a.state.head, b.state.head]).toEqual([null, { layer: 2, head: 1 }]);
    b.undo();
    await vi.waitFor(() => expect(b.state.head).toEqual({ layer: 1, head: 2 }));
    expect([a.history.steps.length, a.history.at, b.history.steps.length, b.history.at]).toEqual([2, 1, 3, 1]);
    expect(told).toEqual(['replace 0', 'push 1']);
    a.shell.help = true;
    expect(b.shell.help).toBe(false);
  });

  it('have workers of their own, so that columns of one name do not meet', async () => {
    const [a, b] = await two();
    const [width, many] = [400, 2000];
    const rows = Int32Array.from({ length: many }, (_, row) => row);
    const means = [a, b].map((session, i) => {
      const values = new Float32Array(many * width).fill(i + 1);
      return () => session.overScope.read('means', 'importance/jsd/head', values, width, rows);
    });
    expect(means.map((read) => read())).toEqual([null, null]); // too much for the page's own thread
    await vi.waitFor(() => expect(means.map((read) => read()?.[0])).toEqual([1, 2]));
    expect(FakeWorker.started).toBe(2);
  });

  it('have intervals of their own', async () => {
    const [a, b] = await two();
    for (const session of [a, b])
      session.intervals.ask(session.values!, CELLS, session.inScope, [0, 1], 'mean', { low: 0, high: 3, share: false });
    await vi.waitFor(() => {
      for (const session of [a, b]) expect(session.intervals.current.size).toBe(2);
    });
    const means = [a, b].map((session) => session.intervals.current.get(0));
    expect(means[0]).not.toEqual(means[1]);
    a.intervals.clear();
    expect([a.intervals.current.size, b.intervals.current.size]).toEqual([0, 2]);
  });
});
