import { describe, expect, it } from 'vitest';
import { decode, encode } from '../src/core/address';
import { initialState, reduce, type Intent, type State } from '../src/core/state';
import { defaultQuery, patchAt, tokenAt, tokenName } from '../src/core/tokens';
import { run } from './fixtures';

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
    for (const intent of nothing) expect(reduce(state, intent, RUN.tokens)).toBe(state);
  });
  it('lets go of the image when the scope changes', () => {
    const state = { ...initialState('jsd'), image: 3 };
    expect(reduce(state, { kind: 'scope', scope: { target: 1 } }, RUN.tokens).image).toBeNull();
  });
});

describe('the address', () => {
  it('is short for a fresh page', () => expect(encode(initialState('jsd'), RUN)).toBe('#/explore?v=1'));

  it('brings every state back', () => {
    let seed = 7;
    const pick = <T>(...list: T[]): T => list[(seed = (seed * 48271) % 2147483647) % list.length]!;
    for (let i = 0; i < 500; i++) {
      const state: State = {
        metric: pick('jsd', 'out_cos'),
        mode: pick('head', 'cp+pc'),
        statistic: pick('mean', 'median'),
        scale: pick('linear', 'log'),
        scope: { target: pick(null, 0, 4), correct: pick('all', 'right', 'wrong') },
        image: pick(null, 0, 3),
        head: pick(null, { layer: 0, head: 1 }, { layer: 2, head: 2 }),
        query: pick(null, 1, 2, 16),
        direction: pick('from', 'to'),
      };
      expect(decode(encode(state, RUN), RUN)).toEqual({ state, kept: [], lost: [] });
    }
  });

  it('has a place for each key of the state', () => {
    expect(Object.keys(initialState('jsd')).sort()).toEqual(
      ['direction', 'head', 'image', 'metric', 'mode', 'query', 'scale', 'scope', 'statistic'].sort(),
    );
  });

  it('keeps what it does not know and names what it cannot restore', () => {
    const { state, kept, lost } = decode('#/explore?v=2&i=99&h=0.2&m=flip&q=9,9&s=class:5&z=later', RUN);
    expect(state).toEqual(initialState('jsd'));
    expect(kept).toEqual([['z', 'later']]);
    expect([...lost].sort()).toEqual(['head “0.2”', 'image “99”', 'metric “flip”', 'query “9,9”', 'scope “class:5”']);
    expect(encode(state, RUN, kept)).toBe('#/explore?v=1&z=later');
  });
});
