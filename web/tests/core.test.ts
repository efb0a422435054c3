import { describe, expect, it } from 'vitest';
import { layerTop, patchMap, prefixWeight } from '../src/attention/rows';
import { colourAt, inkOn, luminance, overlayAt, place, scaleFor, ticks } from '../src/plot/colour';
import { attentionAnswer } from '../src/words/answers';
import { classCounts, firstImage, neighbour } from '../src/selection/focus';
import { headAt, headIndex } from '../src/ground/run';
import { headsBetween, move } from '../src/plot/grid';
import { cellSize, pictureSize, tileLayout } from '../src/plot/layout';
import { EVERYTHING, rowsInScope } from '../src/selection/scope';
import { summarise } from '../src/stats/kernels';
import { duration, headTooltip, progressWords } from '../src/words/words';
import { number, percent } from '../src/ground/numbers';
import { fromFloat16 } from '../src/io/float16';
import { images, JSD, run, WHOLE } from './fixtures';

describe('scope and focus', () => {
  it('holds the images that are done and readable', () => {
    const table = images({ done: [true, true, true, false], problem: [null, 'truncated', null, null] });
    expect([...rowsInScope(table, EVERYTHING).rows]).toEqual([0, 2]);
    expect([...rowsInScope(images(), { ...EVERYTHING, classes: [1], correct: 'wrong' }).rows]).toEqual([1, 2]);
    expect([...rowsInScope(images(), { ...EVERYTHING, correct: 'right' }).rows]).toEqual([0, 3]);
  });
  it('starts at the most confident wrong image', () => {
    expect(firstImage(images(), Int32Array.from([0, 1, 2, 3]), null)).toBe(2);
  });
  it('else at the image with the largest sum', () => {
    const unjudged = images({ correct: [null, null, null, null] });
    expect(firstImage(unjudged, Int32Array.from([0, 1, 2, 3]), Float32Array.from([2, 9, 4, NaN]))).toBe(1);
    expect(firstImage(unjudged, Int32Array.from([2, 3]), new Float32Array(4).fill(NaN))).toBe(2);
    expect(firstImage(images(), new Int32Array(0), null)).toBeNull();
  });
  it('steps through the scope and stays at its ends', () => {
    const rows = Int32Array.from([1, 4, 7]);
    expect([neighbour(rows, 4, 1), neighbour(rows, 7, 1), neighbour(rows, 5, 1), neighbour(rows, 5, -1)]).toEqual([
      7, 7, 7, 4,
    ]);
  });
  it('counts classes by their first name', () => {
    expect(classCounts(images()).map(({ name, n }) => [name, n])).toEqual([
      ['ant', 2],
      ['cat', 1],
      ['zebra', 1],
    ]);
  });
  it('numbers heads row by row, with room for the widest layer', () => {
    expect(headIndex(run(), { layer: 2, head: 1 })).toBe(7);
    expect(headAt(run(), 7)).toEqual({ layer: 2, head: 1 });
  });
});

describe('which attention there is', () => {
  const table = images();
  const kind = (image: number, query: number, direction: 'from' | 'to', given = run()): string =>
    attentionAnswer(given, table, image, query, direction).kind;

  it('is CLS for every image, everything for featured ones', () => {
    expect([kind(0, 0, 'from'), kind(0, 0, 'to'), kind(0, 5, 'from'), kind(3, 5, 'to')]).toEqual([
      'yes',
      'no',
      'no',
      'yes',
    ]);
  });
  it('is everything with the model', () => {
    expect(kind(0, 5, 'to', run({ capabilities: { ...run().capabilities, live: true } }))).toBe('yes');
  });
  it('comes with the command where there is none', () => {
    expect(attentionAnswer(run(), table, 0, 5, 'from')).toMatchObject({
      kind: 'no',
      command: 'vitscope serve run --live',
    });
  });
});

describe('colour', () => {
  it('puts 0 at the neutral colour of a signed scale', () => {
    const scale = scaleFor([-0.1, 0.4, NaN], true, 'linear');
    expect([scale.low, scale.high, place(scale, 0), place(scale, 0.4)]).toEqual([-0.4, 0.4, 0.5, 1]);
  });
  it('bends a logarithmic scale but keeps 0 and the end', () => {
    const scale = scaleFor([0.5], false, 'log');
    expect([place(scale, 0), place(scale, 0.5)]).toEqual([0, 1]);
    expect(place(scale, 0.05)).toBeGreaterThan(0.4);
    expect(ticks(scale)).toEqual([0, 0.005, 0.05, 0.5]);
  });
  it('rises in luminance along cividis, and away from neutral on both sides of the diverging map', () => {
    const along = (signed: boolean): number[] =>
      Array.from({ length: 17 }, (_, i) => luminance(colourAt(i / 16, signed, 'light')));
    const rising = (list: number[]): boolean => list.every((value, i) => i === 0 || value > list[i - 1]!);
    expect(rising(along(false))).toBe(true);
    expect(rising(along(true).slice(0, 9))).toBe(true);
    expect(rising(along(true).slice(8).reverse())).toBe(true);
  });
  it('writes at 4.5:1 on every colour', () => {
    for (let i = 0; i <= 32; i++) {
      const ground = luminance(colourAt(i / 32, false, 'light'));
      const ink = inkOn(colourAt(i / 32, false, 'light')) === '#000' ? 0 : 1;
      expect((Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05)).toBeGreaterThan(4.5);
    }
  });
  it('hides nothing of the photograph where there is no attention', () => expect(overlayAt(0)[3]).toBe(0));
});

describe('layout', () => {
  it('sizes cells for 12x12, 12x3 and 6x4', () => {
    expect(cellSize(12, 12, 350, 312)).toEqual({ width: 29, height: 26 });
    expect(cellSize(12, 3, 350, 312)).toEqual({ width: 56, height: 26 });
    expect(cellSize(6, 4, 350, 312)).toEqual({ width: 56, height: 44 });
  });
  it('chooses the largest whole scale at which all tiles fit', () => {
    const grid = { rows: 14, cols: 14 };
    const space = { width: 510, height: 400, beside: 76, above: 18, gap: 3 };
    expect(tileLayout(12, 3, grid, space)).toEqual({ scale: 4, blocks: 2, layersPerBlock: 6 });
    expect(tileLayout(6, 4, grid, space)).toEqual({ scale: 4, blocks: 1, layersPerBlock: 6 });
    expect(tileLayout(12, 12, grid, space)).toEqual({ scale: 2, blocks: 1, layersPerBlock: 12 });
  });
  it('keeps the shape of a picture and whole patches', () => {
    expect(pictureSize({ width: 224, height: 224 }, 14, { width: 400, height: 350 })).toEqual({
      width: 350,
      height: 350,
    });
    expect(pictureSize({ width: 20, height: 12 }, 5, { width: 402, height: 402 })).toEqual({ width: 400, height: 240 });
  });
});

describe('grid keys', () => {
  const columns = [2, 3, 3];
  it.each([
    ['ArrowRight', false, { row: 1, col: 2 }],
    ['ArrowUp', false, { row: 0, col: 1 }],
    ['Home', false, { row: 1, col: 0 }],
    ['End', true, { row: 2, col: 2 }],
  ])('%s', (key, ctrl, expected) => expect(move({ row: 1, col: 1 }, key, ctrl, columns)).toEqual(expected));
  it('stays in the shorter row', () =>
    expect(move({ row: 1, col: 2 }, 'ArrowUp', false, columns)).toEqual({ row: 0, col: 1 }));
  it('leaves other keys alone', () => expect(move({ row: 1, col: 2 }, 'x', false, columns)).toBeNull());
});

describe('attention rows', () => {
  const { tokens } = run();
  const values = Float32Array.from({ length: 3 * 3 * 17 }, (_, i) => (i % 17 < 2 ? NaN : i / 1000));
  const rows = { values, layers: 3, heads: 3, tokens };
  it('slices patches and prefix', () => {
    expect(patchMap(rows, 1, 2).length).toBe(15);
    expect(patchMap(rows, 1, 2)[0]).toBeCloseTo(((1 * 3 + 2) * 17 + 2) / 1000, 6);
    expect(prefixWeight(rows, 0, 0, 0)).toBeNaN();
  });
  it('never scales below uniform', () => {
    const faint = { ...rows, values: new Float32Array(3 * 3 * 17) };
    expect(layerTop(faint, 0)).toBe(1 / 17);
  });
});

describe('words', () => {
  it.each([
    [0, '0'],
    [0.5691, '0.569'],
    [-0.0123456, '−0.0123'],
    [0.0000123, '1.2·10⁻⁵'],
    [12345, '12,345'],
    [NaN, '–'],
  ])('%d reads %s', (value, text) => expect(number(value)).toBe(text));
  it('prints shares, and never 0 for what is not', () => {
    expect([0.612, 0.0028, 0.00001, 0, null].map(percent)).toEqual(['61.2 %', '0.28 %', '< 0.01 %', '0.0 %', '–']);
  });
  it('rounds up to a thousand without an exponent', () => expect([999.4, 999.7].map(number)).toEqual(['999', '1,000']));
  it('prints durations', () =>
    expect([duration(0.2), duration(80), duration(3700)]).toEqual(['1 s', '1 min 20 s', '1 h 1 min']));
  it('puts unit, n, rank and spread into a tooltip', () => {
    const summary = summarise(Float32Array.from([0.1, 0.2, 0.3]), 1, Int32Array.from([0, 1, 2]));
    const facts = {
      name: 'L0·H0',
      metric: JSD,
      mode: WHOLE,
      summary,
      index: 0,
      rank: 1,
      heads: 1,
      statistic: 'median',
      onImage: 0.3,
    } as const;
    expect(headTooltip(facts)).toEqual([
      'L0·H0',
      'Jensen-Shannon divergence: median 0.200 bits',
      'interquartile range of the images: 0.150 to 0.250 bits',
      'consistency 0.667 · rank 1 of 1 · n = 3 images',
      'pruned: whole head · this image: 0.300 bits',
    ]);
    const part = { ...facts, mode: { ...facts.mode, label: 'CLS→CLS only' }, onImage: NaN };
    expect(headTooltip(part).at(-1)).toBe('pruned: CLS→CLS only · this image: not computed');
    expect(headTooltip({ ...facts, onImage: null }).at(-1)).toBe('pruned: whole head');
  });
  it('says how far a run is', () => {
    const progress = {
      state: 'running',
      generation: 2,
      doneUnits: 2,
      totalUnits: 6,
      groups: [{ name: 'head', done: 2, total: 4, secondsLeft: 12.4 }],
      nDone: 64,
      nImages: 128,
      idleSeconds: 1,
    } as const;
    expect(progressWords({ ...progress, groups: [...progress.groups] })).toBe(
      'n = 64 of 128 · whole heads 2 of 4 shards · 12 s left',
    );
    expect(progressWords({ ...progress, groups: [], idleSeconds: 200 })).toContain(
      'waiting: no new results for 3 min 20 s',
    );
  });
});

describe('half precision', () => {
  it('reads what NumPy writes', () => {
    const codes = Uint16Array.from([0x0000, 0x3c00, 0xc000, 0x3555, 0x0001, 0x7e00, 0x7bff]);
    const values = fromFloat16(codes.buffer);
    expect([...values.slice(0, 3)]).toEqual([0, 1, -2]);
    expect(values[3]).toBeCloseTo(1 / 3, 3);
    expect(values[4]).toBe(2 ** -24);
    expect(values[5]).toBeNaN();
    expect(values[6]).toBe(65504);
  });
});

it('the heads between two are those of the rectangle, as layers are sorted', () => {
  const rows = [
    [0, 1, 2],
    [2, 0, 1],
    [0, 1],
  ];
  const from = { layer: 2, head: 1 };
  expect(headsBetween(rows, from, { layer: 1, head: 2 })).toEqual([
    { layer: 1, head: 2 },
    { layer: 1, head: 0 },
    { layer: 2, head: 0 },
    { layer: 2, head: 1 },
  ]);
  expect(headsBetween(rows, from, from)).toEqual([from]);
});
