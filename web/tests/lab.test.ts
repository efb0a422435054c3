// The Lab's pure parts: sets to begin with, what is kept, words, code that repeats a result, and the drawing of curves.
import { expect, test, describe } from 'vitest';
import { besideBand, besideWords, sizeWords } from '../src/words/curve_words';
import { plotOf, scene } from '../src/views/lab/curve_scene';
import { scene as interval } from '../src/views/lab/interval_scene';
import type { AccuracyChange } from '../src/io/wire';
import { marksOf, parsed, wordsOf } from './drawing';
import { toSvg } from '../src/plot/svg';
import {
  allBut,
  asPruned,
  curveSizes,
  everyHead,
  keptCurve,
  keptScope,
  leastFirst,
  mostRedundantFirst,
  sameSet,
  scopeSeconds,
  searchLength,
  setDifference,
} from '../src/selection/lab';
import {
  failureWords,
  intervalWords,
  maskDocument,
  pruneCommand,
  pythonCode,
  pValue,
  receiptWords,
  setName,
  verdict,
} from '../src/words/lab_words';
import { pointsOf } from '../src/ground/numbers';
import type { CurveResult, LabEntry, MaskReceipt } from '../src/io/wire';
import { run } from './fixtures';

const NAN = NaN;
const head = (layer: number, at: number, mode = 'head') => ({ layer, head: at, mode });

describe('sets of heads', () => {
  const model = run(); // 2, 3, 3 heads; width 3
  const fill = [0.5, 0.1, NAN, -0.4, 0.2, 0.3, 0.05, NAN, 0.9];

  test('least important first, by size where the metric is signed, without a value last', () => {
    const names = (signed: boolean) => leastFirst(model, fill, signed).map(({ layer, head }) => `${layer}.${head}`);
    expect(names(false)).toEqual(['1.0', '2.0', '0.1', '1.1', '1.2', '0.0', '2.2', '2.1']);
    expect(names(true)).toEqual(['2.0', '0.1', '1.1', '1.2', '1.0', '0.0', '2.2', '2.1']);
  });
  test('all but some, in one mode', () => {
    const rest = allBut(model, [head(0, 0), head(1, 1)], 'pp');
    expect(rest).toHaveLength(6);
    expect(rest[0]).toEqual(head(0, 1, 'pp'));
    expect(everyHead([2, 0, 1])).toEqual([
      { layer: 0, head: 0 },
      { layer: 0, head: 1 },
      { layer: 2, head: 0 },
    ]);
  });
  test('of two that are alike the less important one goes first, and what stays stands for both', () => {
    const merges = [
      { one: 3, other: 5 },
      { one: 0, other: 1 },
      { one: 8, other: 2 },
      { one: 9, other: 10 },
    ]; // flat heads 0 to 7
    const names = mostRedundantFirst(model, merges, fill).map(({ layer, head }) => `${layer}.${head}`);
    expect(names).toEqual(['2.0', '0.1', '1.1', '1.0', '0.0', '1.2', '2.1', '2.2']);
  });
  test('the same whatever the order, not by another mode', () => {
    expect(sameSet([head(0, 1), head(2, 0, 'pp')], [head(2, 0, 'pp'), head(0, 1)])).toBe(true);
    expect(sameSet([head(0, 1)], [head(0, 1, 'pp')])).toBe(false);
    const { onlyA, onlyB, both } = setDifference([head(0, 1), head(1, 0)], [head(1, 0), head(0, 1, 'pp')]);
    expect([onlyA, onlyB, both]).toEqual([[head(0, 1)], [head(0, 1, 'pp')], [head(1, 0)]]);
  });
  test('sizes of a curve begin with 0 and 1 and end with all heads', () => {
    expect(curveSizes(4)).toEqual([0, 1, 2, 3, 4]);
    for (const heads of [24, 36, 144, 384]) {
      const sizes = curveSizes(heads);
      expect(sizes.slice(0, 2)).toEqual([0, 1]);
      expect(sizes.at(-1)).toBe(heads);
      expect(sizes.length).toBeLessThanOrEqual(14);
      expect([...sizes].sort((a, b) => a - b)).toEqual(sizes);
    }
    expect(searchLength(36)).toBe(12);
  });
  test('a late first layer makes a run cheaper', () => {
    expect(scopeSeconds(0.1, 10, 12, asPruned([{ layer: 6, head: 0 }], 'head'))).toBeCloseTo(1.5);
    expect(scopeSeconds(0.1, 10, 12, [head(0, 0), head(9, 0)])).toBeCloseTo(2);
  });
});

describe('kept runs', () => {
  const entry = (changes: Partial<LabEntry>): LabEntry => ({
    id: '0',
    kind: 'scope',
    name: '',
    created: '',
    vitscope: '0',
    seconds: 1,
    heads: [head(0, 1), head(1, 0)],
    fill: 'zero',
    scope: '',
    n: 4,
    change: -0.01,
    ...changes,
  });
  const runs = [
    entry({ id: 'a', scope: 'wrong' }),
    entry({ id: 'b', fill: 'mean' }),
    entry({ id: 'c' }),
    entry({ id: 'd', kind: 'curve', heads: [] }),
  ];

  test('the one of the same heads, fill and images is found', () => {
    const set = [head(1, 0), head(0, 1)];
    expect(keptScope(runs, set, 'zero', '')?.id).toBe('c');
    expect(keptScope(runs, set, 'zero', 'wrong')?.id).toBe('a');
    expect(keptScope(runs, set, 'renormalise', '')).toBeNull();
    expect(keptScope(runs, [head(1, 0)], 'zero', '')).toBeNull();
    expect(keptScope(runs, [], 'zero', '')).toBeNull();
    expect(keptCurve(runs, '')?.id).toBe('d');
    expect(keptCurve(runs, 'wrong')).toBeNull();
  });
});

describe('words', () => {
  test('percentage points', () => {
    expect([0.068, -0.0385, 0, -0.0001, NAN, null].map(pointsOf)).toEqual([
      '+6.8 pp',
      '−3.9 pp',
      '0.0 pp',
      '−0.01 pp',
      '–',
      '–',
    ]);
    expect([0.73, 0.04, 0.0004].map(pValue)).toEqual(['0.73', '0.040', '< 0.001']);
    expect(intervalWords({ n: 52, before: 0.788, after: 0.75, low: -0.145, high: 0.068, p: 0.73 })).toBe(
      '95 % interval −14.5 to +6.8 pp · McNemar p = 0.73 · n = 52',
    );
  });
  const receipt = (changes: Partial<MaskReceipt> = {}): MaskReceipt => ({
    masked: 0,
    rest: 0,
    output: 3e-7,
    first: 2,
    unchanged: 2,
    ...changes,
  });
  test('a receipt says what it proves', () => {
    const found = receiptWords(receipt(), 'zero');
    expect(found.ok).toBe(true);
    expect(found.short).toBe('masked max = 0 · layers 0–1 same');
    expect(receiptWords(receipt({ unchanged: 0, first: 0 }), 'zero').short).toBe('masked max = 0 · layer 0 is pruned');
    expect(receiptWords(receipt({ masked: null, rest: null, output: 0 }), 'mean').short).toMatch(/^outputs replaced/);
  });
  test('and when it proves nothing', () => {
    for (const wrong of [{ masked: 0.1 }, { rest: 0.1 }, { output: 0.1 }, { unchanged: 1 }])
      expect(receiptWords(receipt(wrong), 'zero').ok).toBe(false);
  });
  test('verdicts', () => {
    expect([verdict(1, 0, 1), verdict(1, 1, 0), verdict(1, 1, 1), verdict(1, 0, 2), verdict(-1, 0, 1)]).toEqual([
      'now right',
      'now wrong',
      'still right',
      'still wrong',
      '',
    ]);
  });
  test('names of sets and failures', () => {
    expect(setName([head(0, 1), head(2, 0, 'cp+pc')])).toBe('L0·H1, L2·H0 [cp+pc]');
    expect(setName([0, 1, 2, 3].map((at) => head(at, 0)))).toBe('4 heads');
    expect(failureWords({ message: 'no head 9', hint: 'Name another.' })).toBe('No head 9. Name another.');
  });
});

describe('a result outside of the page', () => {
  const set = [head(2, 0), head(0, 1)];
  test('Python names heads, fill, images and paths as they are', () => {
    const code = pythonCode(run(), '/runs/"odd"', [head(2, 0, 'cp+pc'), head(0, 1)], 'zero', [3, 5]);
    expect(code).toContain('heads = {(2, 0): "cp+pc", (0, 1): "head"}');
    expect(code).toContain('open_run("/runs/\\"odd\\"")');
    expect(code).toContain('rows = [3, 5]');
    expect(code).toContain('fill="zero"');
    expect(code).toContain('paired(');
    expect(pythonCode(run(), 'r', set, 'mean', null)).toContain('references=references');
    expect(code).toContain('after.argmax(-1)');
    const labels = { ...run(), model: { ...run().model, readout: 'labels' as const } };
    expect(pythonCode(labels, 'r', set, 'zero', null)).toContain('predictions(after, model.readout)');
  });
  test('the command is there for whole heads with zeros only', () => {
    expect(pruneCommand('vitscope prune M', set, 'zero')).toBe('vitscope prune M --heads L0.H1,L2.H0 --save smaller');
    expect(pruneCommand('vitscope prune M', set, 'mean')).toBeNull();
    expect(pruneCommand('vitscope prune M', [head(0, 0, 'pp')], 'zero')).toBeNull();
    expect(pruneCommand('vitscope prune M', [], 'zero')).toBeNull();
  });
  test('the mask has a row a layer', () => {
    const document = JSON.parse(maskDocument(run(), [head(0, 1), head(2, 0, 'pp')], 'zero'));
    expect(document.mask).toEqual([
      [1, 0],
      [1, 1, 1],
      [1, 1, 1],
    ]);
    expect(document.heads).toHaveLength(2);
    expect(document.fill).toBe('zero');
  });
});

describe('curves', () => {
  const curve: CurveResult = {
    n: 50,
    labelled: 50,
    searched: 0,
    heldOut: false,
    sizes: [0, 1, 4],
    movedBy: 'jsd',
    lines: [
      {
        name: 'least',
        heads: [],
        accuracy: [0.9, 0.88, 0.6],
        low: [0, -0.05, -0.4],
        high: [0, 0.02, -0.2],
        moved: [0, 0.01, 0.2],
        n: [50, 50, 50],
      },
      {
        name: 'short',
        heads: [],
        accuracy: [0.9, 0.4, null],
        low: [0, 0, null],
        high: [0, 0, null],
        moved: [0, 0.3, null],
        n: [50, 50, 0],
      },
    ],
    band: {
      draws: 10,
      n: [50, 50, 50],
      accuracy: { low: [0.9, 0.8, 0.3], median: [0.9, 0.85, 0.4], high: [0.9, 0.87, 0.5] },
      moved: { low: [0, 0.01, 0.1], median: [0, 0.02, 0.2], high: [0, 0.04, 0.3] },
    },
  };
  const drawn = { width: 400, height: 200, curve, by: 'accuracy', present: { size: 3, accuracy: 0.2 } } as const;

  test('scales hold all values, the frame and no more', () => {
    const { frame, x, y } = plotOf(drawn);
    expect([x(0), x(4)]).toEqual([frame.left, frame.right]);
    for (const value of [0.2, 0.3, 0.9]) {
      expect(y(value)).toBeGreaterThanOrEqual(frame.top);
      expect(y(value)).toBeLessThanOrEqual(frame.bottom);
    }
    expect(y(0.9)).toBeLessThan(y(0.3));
    expect(plotOf({ ...drawn, by: 'moved' }).y(0)).toBe(frame.bottom);
  });
  test('lines stop where values stop, and have their names there; the band goes there and back', () => {
    const lines = marksOf(scene(drawn), 'lines').filter((mark) => mark.kind === 'path');
    expect(lines.map(({ data, d }) => [data!.line, d.match(/[ML]/g)!.join('')])).toEqual([
      ['least', 'MLL'],
      ['short', 'ML'],
    ]);
    const [band] = marksOf(scene(drawn), 'band').filter((mark) => mark.kind === 'path');
    expect(band!.d.match(/L/g)).toHaveLength(5);
    expect(wordsOf(scene(drawn), 'names')).toEqual(['least', 'short', 'random × 10']);
  });
  test('the present set is marked where it is, and a file says the unit', () => {
    const [, own] = marksOf(scene(drawn), 'present set');
    expect([own!.data, own!.title]).toEqual([{ present: 3 }, 'the present set on the images in scope: 20.0 %']);
    expect(parsed(toSvg(scene(drawn))).words).toContain('heads pruned · accuracy · n = 50');
    expect(parsed(toSvg(scene({ ...drawn, by: 'moved' }))).words).toContain('heads pruned · mean JSD, bits · n = 50');
  });
  test('a change of accuracy is a dot with its interval about 0', () => {
    const change = {
      before: 0.9,
      after: 0.86,
      low: -0.07,
      high: -0.01,
      n: 300,
      level: 0.95,
    } as unknown as AccuracyChange;
    const bar = interval({ width: 220, change });
    const [line, dot] = marksOf(bar, 'change');
    expect(dot).toMatchObject({ kind: 'circle' });
    if (line?.kind !== 'line' || dot?.kind !== 'circle') throw new Error('no interval');
    expect(line.x1).toBeLessThan(dot.x);
    expect(dot.x).toBeLessThan(line.x2);
    expect(line.x2).toBeLessThan(110);
    expect(wordsOf(bar).at(-1)).toContain(' pp');
    expect(parsed(toSvg(bar)).words[0]).toBe('Change of accuracy −4.0 pp, 95 % interval −7.0 pp to −1.0 pp');
  });
  test('beside the band', () => {
    expect([
      besideBand(0.88, 0.8, 0.87),
      besideBand(0.85, 0.8, 0.87),
      besideBand(0.4, 0.8, 0.87),
      besideBand(null, 0.8, 0.87),
    ]).toEqual(['above', 'within', 'below', null]);
    const words = sizeWords(curve, 1, 'accuracy');
    expect(words[0]).toBe('1 head pruned · n = 50');
    expect(words[1]).toBe('least: 88.0 %, change −5.0 to +2.0 pp (95 %) · above the random band');
    expect(words[2]).toContain('below the random band');
    expect(words.at(-1)).toBe('random × 10: 80.0 % to 87.0 %, median 85.0 % (5th to 95th percentile)');
    expect(sizeWords(curve, 2, 'accuracy')).toHaveLength(3);
    expect(besideWords(curve, 1, 'accuracy')).toBe(
      '1 head: least 88.0 % (above); short 40.0 % (below); random band 80.0 % to 87.0 %.',
    );
    expect(besideWords(curve, 3, 'accuracy')).toBe('');
    expect(besideWords(curve, 0, 'accuracy')).toBe('');
    expect(sizeWords(curve, 1, 'moved')[1]).toBe('least: 0.0100 bits · within the random band');
  });
});
