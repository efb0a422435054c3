import { describe, expect, it } from 'vitest';
import { decode, decodeScope, encode } from '../src/selection/address';
import { amend, begin, commit, go, present } from '../src/selection/history';
import { OPTIONS, type Options } from '../src/selection/options';
import type { PatternSet } from '../src/selection/pattern_set';
import { EVERYTHING, inside, lassoOf, LASSO_STEPS, rowsInScope, type Point } from '../src/selection/scope';
import { initialState, reduce, type Intent, type Stays, type State } from '../src/selection/state';
import { defaultQuery, patchAt, tokenAt, tokenName } from '../src/ground/tokens';
import { images, run } from './fixtures';

const RUN = run();

describe('tokens', () => {
  it('start at CLS, or in the middle without one', () => {
    expect(defaultQuery(RUN.tokens)).toBe(0);
    expect(defaultQuery({ ...RUN.tokens, prefix: [], cls: null })).toBe(1 * 5 + 2);
  });
  it('go from patch to index and back', () => {
    for (let token = 2; token < 17; token++) expect(tokenAt(RUN.tokens, patchAt(RUN.tokens, token)!)).toBe(token);
    expect(patchAt(RUN.tokens, 1)).toBeNull();
    expect(tokenName(RUN.tokens, 1)).toBe('reg1');
    expect(tokenName(RUN.tokens, 8)).toBe('patch (1, 1)');
  });
});

describe('reduce', () => {
  it('returns the same object when nothing changes', () => {
    const state = initialState('jsd');
    const nothing: Intent[] = [
      { kind: 'metric', metric: 'jsd' },
      { kind: 'scope', scope: { correct: 'all' } },
      { kind: 'query', query: 0 },
      { kind: 'direction', direction: 'from' },
    ];
    for (const intent of nothing) expect(reduce(state, intent, RUN.tokens, () => true)).toBe(state);
  });
  it('lets go of the image where it leaves the scope', () => {
    const state = { ...initialState('jsd'), image: 3 };
    const oneClass: Intent = { kind: 'scope', scope: { classes: [1] } };
    expect(reduce(state, oneClass, RUN.tokens, () => false).image).toBeNull();
    const stays: Stays = (image, scope) => image === 3 && scope.classes[0] === 1;
    expect(reduce(state, oneClass, RUN.tokens, stays).image).toBe(3);
  });
});

describe('the address', () => {
  it('is short for a fresh page', () => expect(encode(initialState('jsd'), RUN)).toBe('#/explore?v=1'));

  it('brings every state back, in few characters', () => {
    const { pick, real } = random(7);
    const lengths: number[] = [];
    for (let i = 0; i < 500; i++) {
      const state = anyState(pick, real);
      const address = encode(state, RUN);
      expect(decode(address, RUN)).toEqual({ state, kept: [], lost: [] });
      lengths.push(address.length);
    }
    lengths.sort((a, b) => a - b);
    expect(lengths[250]).toBeLessThanOrEqual(10 * Object.keys(OPTIONS).length); // ten an option, most of which are chosen
    expect(lengths[499]).toBeLessThan(8000);
  });

  it('has a place for each key of the state', () => {
    const keys = [
      'direction',
      'head',
      'heads',
      'image',
      'maximised',
      'metric',
      'mode',
      'options',
      'patterns',
      'pruned',
      'query',
      'scope',
      'view',
    ];
    expect(Object.keys(initialState('jsd')).sort()).toEqual(keys);
    const addresses = Object.values(OPTIONS).map((option) => option.address);
    expect(new Set([...addresses, 'v', 's', 'i', 'h', 'hs', 'pat', 'x', 'm', 'r', 'q', 'd', 'f']).size).toBe(
      addresses.length + 12,
    );
  });

  it('refuses scopes that cannot be read', () => {
    for (const text of [
      'class:9',
      'conf:0.9:0.1',
      'conf:0',
      'pair:1',
      'range:jsd:head:9.9:0:1',
      'lasso:a:zz',
      'nonsense',
      '',
    ]) {
      expect(decodeScope(text, RUN)).toBeUndefined();
    }
  });

  it('keeps what it does not know and names what it cannot restore', () => {
    const { state, kept, lost } = decode('#/explore?v=2&i=99&h=0.2&m=flip&q=9,9&s=class:5&zz=later', RUN);
    expect(state).toEqual(initialState('jsd'));
    expect(kept).toEqual([['zz', 'later']]);
    expect([...lost].sort()).toEqual(['head “0.2”', 'image “99”', 'metric “flip”', 'query “9,9”', 'scope “class:5”']);
    expect(encode(state, RUN, kept)).toBe('#/explore?v=1&zz=later');
  });
});

describe('history', () => {
  it('goes back a hundred steps and forth again, outlines included', () => {
    const { pick, real } = random(11);
    const states = Array.from({ length: 101 }, () => anyState(pick, real));
    let history = begin(states[0]!, 'open');
    for (const state of states.slice(1)) history = commit(history, state, 'step');
    for (let at = 100; at >= 0; at--) {
      history = go(history, at);
      expect(present(history)).toBe(states[at]);
    }
    for (let at = 0; at <= 100; at++) expect(present((history = go(history, at)))).toBe(states[at]);
    expect(go(history, 101)).toBe(history);
    expect(go(history, -1)).toBe(history);
  });
  it('makes one step of one gesture, and forgets what was undone', () => {
    let history = commit(begin(1, 'one'), 2, 'two');
    history = amend(amend(history, 3), 4);
    expect([history.steps.length, present(history)]).toEqual([2, 4]);
    history = commit(go(history, 0), 5, 'five');
    expect(history.steps.map((step) => step.state)).toEqual([1, 5]);
  });
});

describe('scope', () => {
  const table = images();
  const data = {
    positions: () => Float32Array.from([0.1, 0.1, 0.9, 0.9, 0.4, 0.6, NaN, NaN]),
    values: () => Float32Array.from({ length: 4 * 9 }, (_, i) => Math.floor(i / 9) / 10),
    width: 3,
    cells: 9,
  };
  const rows = (change: object, from: typeof data | null = data): number[] => [
    ...rowsInScope(table, { ...EVERYTHING, ...change }, from).rows,
  ];

  it('is every image that meets every condition', () => {
    expect(rows({ classes: [0, 2] })).toEqual([0, 3]);
    expect(rows({ confidence: [0.65, 0.85] })).toEqual([2, 3]);
    expect(rows({ pair: [1, 0] })).toEqual([2]);
    expect(
      rows({ range: { metric: 'jsd', mode: 'head', head: { layer: 1, head: 2 }, low: 0.05, high: 0.25 } }),
    ).toEqual([1, 2]);
    expect(rows({ correct: 'right', confidence: [0.8, 1] })).toEqual([0]);
  });
  it('takes an outline in parts of the map, whatever its size on screen', () => {
    const square: Point[] = [
      [0, 0],
      [0.5, 0],
      [0.5, 0.7],
      [0, 0.7],
    ];
    const lasso = lassoOf('embedding/pca', square);
    expect(rows({ lasso })).toEqual([0, 2]);
    expect(rowsInScope(table, { ...EVERYTHING, lasso }, { ...data, positions: () => null as never }).pending).toBe(
      true,
    );
  });
  it('knows inside from outside, also of an outline that folds', () => {
    const horseshoe: Point[] = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0.7, 1],
      [0.7, 0.3],
      [0.3, 0.3],
      [0.3, 1],
      [0, 1],
    ].map(([x, y]) => [x! * LASSO_STEPS, y! * LASSO_STEPS] as const);
    expect([inside(horseshoe, 0.1, 0.9), inside(horseshoe, 0.5, 0.9), inside(horseshoe, 0.5, 0.1)]).toEqual([
      true,
      false,
      true,
    ]);
  });
  it('keeps an outline short, however long the hand drew', () => {
    const circle = Array.from(
      { length: 900 },
      (_, i) => [0.5 + 0.4 * Math.cos(i / 143), 0.5 + 0.4 * Math.sin(i / 143)] as const,
    );
    const lasso = lassoOf('m', circle);
    expect(lasso.points.length).toBeLessThanOrEqual(48);
    expect(inside(lasso.points, 0.5, 0.5)).toBe(true);
    expect(inside(lasso.points, 0.05, 0.5)).toBe(false);
  });
});

type Pick = <T>(...list: T[]) => T;

function random(seed: number): { pick: Pick; real: () => number } {
  const next = (): number => (seed = (seed * 48271) % 2147483647);
  return { pick: (...list) => list[next() % list.length]!, real: () => next() / 2147483647 };
}

function anyState(pick: Pick, real: () => number): State {
  const head = (): { layer: number; head: number } =>
    pick({ layer: 0, head: 1 }, { layer: 2, head: 2 }, { layer: 1, head: 0 });
  const low = real();
  const any = Object.fromEntries(
    Object.entries(OPTIONS).map(([key, option]) => {
      if ('values' in option) return [key, pick(...(option.values as readonly string[]))];
      const value = option.low + real() * Math.min(option.high - option.low, 9);
      return [key, option.whole ? Math.floor(value) : Number(value.toFixed(3))];
    }),
  ) as unknown as Options;
  const options = pick(initialState('jsd').options, any);
  const clusters = options.clusters || RUN.capabilities.patterns;
  return {
    view: pick('explore', 'image', 'heads', 'lab'),
    maximised: pick(null, 'images', 'importance', 'strength', 'patterns'),
    metric: pick('jsd', 'out_cos'),
    mode: pick('head', 'cp+pc'),
    scope: {
      classes: pick([], [0], [0, 4]),
      correct: pick('all', 'right', 'wrong'),
      confidence: pick(null, [low, low + (1 - low) * real()] as const),
      pair: pick(null, [1, 2] as const),
      range: pick(null, { metric: 'jsd', mode: 'cp+pc', head: head(), low: low - 1, high: low * 1e-7 }),
      lasso: pick(
        null,
        lassoOf(
          'importance/pca/jsd/cp+pc',
          Array.from({ length: 30 }, () => [real(), real()] as const),
        ),
      ),
    },
    image: pick(null, 0, 3),
    head: pick(null, head()),
    heads: pick(
      null,
      [],
      [head()],
      [
        { layer: 0, head: 0 },
        { layer: 2, head: 1 },
      ],
    ),
    patterns: pick<PatternSet | null>(
      null,
      { kind: 'clusters', clusters: [0, 3].filter((cluster) => cluster < clusters) },
      {
        kind: 'lasso',
        points: lassoOf(
          '',
          Array.from({ length: 30 }, () => [real(), real()] as const),
        ).points,
      },
    ),
    pruned: pick(
      [],
      [{ ...head(), mode: 'head' }],
      [
        { layer: 0, head: 0, mode: 'cp+pc' },
        { layer: 2, head: 1, mode: 'head' },
      ],
    ),
    query: pick(null, 1, 2, 16),
    direction: pick('from', 'to'),
    options,
  };
}

describe('the number of clusters', () => {
  const send = (state: State, intent: Intent): State => reduce(state, intent, RUN.tokens, () => true);
  it('gives up the clusters that were chosen, not an outline on the map', () => {
    const chosen = send(initialState('jsd'), { kind: 'patterns', set: { kind: 'clusters', clusters: [1] } });
    expect(send(chosen, { kind: 'option', key: 'clusters', value: 9 }).patterns).toBeNull();
    expect(send(chosen, { kind: 'option', key: 'clusters', value: 0 })).toBe(chosen);
    const outlined = send(chosen, {
      kind: 'patterns',
      set: {
        kind: 'lasso',
        points: [
          [0, 0],
          [0, 9],
          [9, 9],
        ],
      },
    });
    expect(send(outlined, { kind: 'option', key: 'clusters', value: 9 }).patterns).toBe(outlined.patterns);
  });
  it('decides which clusters an address may choose', () => {
    expect(decode('#/explore?v=1&pat=5', RUN).lost).toEqual(['patterns “5”']);
    expect(decode('#/explore?v=1&pat=5&pk=6', RUN).state.patterns).toEqual({ kind: 'clusters', clusters: [5] });
    expect(decode('#/explore?v=1&pat=3&pk=3', RUN).lost).toEqual(['patterns “3”']);
  });
});

describe('the prune set', () => {
  const [first, second] = [
    { layer: 0, head: 1, mode: 'head' },
    { layer: 2, head: 0, mode: 'cp+pc' },
  ];
  const send = (state: State, intent: Intent): State => reduce(state, intent, RUN.tokens, () => true);
  it('takes heads in, out, and by another part', () => {
    let state = send(initialState('jsd'), { kind: 'toggle-pruned', head: first! });
    state = send(state, { kind: 'toggle-pruned', head: second! });
    expect(state.pruned).toEqual([first, second]);
    state = send(state, { kind: 'toggle-pruned', head: { ...first!, mode: 'cp+pc' } });
    expect(state.pruned).toEqual([{ ...first!, mode: 'cp+pc' }, second]);
    expect(send(state, { kind: 'toggle-pruned', head: second! }).pruned).toEqual([{ ...first!, mode: 'cp+pc' }]);
  });
  it('is sent to the Lab as a whole, and refuses in an address what the run does not have', () => {
    const state = send(initialState('jsd'), { kind: 'prune', heads: [first!], open: true });
    expect([state.view, state.pruned]).toEqual(['lab', [first]]);
    for (const text of ['0.9', '0.0:xx', '0.0;0.0', '0.0:cp:cp']) {
      expect(decode(`#/lab?x=${text}`, RUN).lost).toEqual([`pruned heads “${text}”`]);
    }
  });
});

describe('a preset', () => {
  const state = initialState('jsd');
  it('changes several things in one step', () => {
    const scope = { ...EVERYTHING, correct: 'wrong' as const };
    const next = reduce(
      state,
      { kind: 'preset', words: 'x', change: { view: 'image', scope }, options: { strength: 'table' } },
      RUN.tokens,
      () => true,
    );
    expect(next).toEqual({ ...state, view: 'image', scope, options: { ...state.options, strength: 'table' } });
  });
  it('is no step when everything is so already', () => {
    const same: Intent = {
      kind: 'preset',
      words: 'x',
      change: { scope: { ...EVERYTHING }, heads: null },
      options: { strength: 'curves' },
    };
    expect(reduce(state, same, RUN.tokens, () => true)).toBe(state);
  });
});
