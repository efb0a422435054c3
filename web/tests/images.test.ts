import { describe, expect, it } from 'vitest';
import { alike } from '../src/stats/alike';
import {
  classFacets,
  classTotals,
  confidenceFacet,
  confusion,
  correctFacet,
  emptyHelp,
  findImages,
} from '../src/selection/facets';
import { sheetOrder, sorted } from '../src/selection/image_list';
import { imageTooltip, layoutReason, LAYOUTS, nWords, tickWords, topHead, trustWords } from '../src/words/image_words';
import { OPTIONS } from '../src/selection/options';
import { placed, shadesOf, thinned, towards, unplaced } from '../src/plot/marks/scatter';
import { EVERYTHING, rowsInScope, type Scope } from '../src/selection/scope';
import type { ImageTable } from '../src/io/wire';
import { JSD, run } from './fixtures';

const N = 8;
const table: ImageTable = {
  generation: 1,
  name: [
    'a/tabby_1.png',
    'a/tabby_2.png',
    'b/tiger_3.png',
    'b/tiger_4.png',
    'c/lynx_5.png',
    'skipped.png',
    'c/lynx_7.png',
    'none.png',
  ],
  label: [0, 0, 1, 1, 2, 0, 2, -1],
  prediction: [0, 1, 1, 0, 1, -1, 2, 2],
  probability: [0.9, 0.6, 1, 0.55, 0.4, null, 0.7, 0.2],
  correct: [true, false, true, false, false, null, true, null],
  target: [0, 0, 1, 1, 2, 0, 2, 2],
  done: Array(N).fill(true),
  problem: Array.from({ length: N }, (_, row) => (row === 5 ? 'unreadable' : null)),
  note: Array(N).fill(null),
  classNames: { 0: 'tabby, tabby cat', 1: 'tiger cat', 2: 'lynx' },
};
const rowsOf =
  (scope: Scope) =>
  (change: Partial<Scope>): Int32Array =>
    rowsInScope(table, { ...scope, ...change }).rows;
const every = rowsOf(EVERYTHING)({});

describe('facets', () => {
  it('count classes among the images that meet the other conditions, and in the run', () => {
    const wrong = rowsOf({ ...EVERYTHING, classes: [0], correct: 'wrong' })({ classes: [] });
    expect(classFacets(classTotals(table, every), table, wrong)).toEqual([
      { target: 2, name: 'lynx', n: 1, total: 3 },
      { target: 0, name: 'tabby', n: 1, total: 2 },
      { target: 1, name: 'tiger cat', n: 1, total: 2 },
    ]);
  });
  it('count right, wrong and neither', () =>
    expect(correctFacet(table, every)).toEqual({ right: 3, wrong: 3, unlabelled: 1 }));
  it('put certainty itself into the last bin', () => {
    expect(confidenceFacet(table, every, 5)).toEqual([0, 1, 2, 2, 2]);
    expect(confidenceFacet(table, every, 20)[19]).toBe(1);
  });
  it('take the classes of the most confused pairs, no more than asked for', () => {
    expect(confusion(table, every, 6)).toEqual({
      classes: [0, 1, 2],
      counts: [
        [1, 1, 0],
        [1, 1, 0],
        [0, 1, 1],
      ],
    });
    expect(confusion(table, every, 2).classes).toEqual([0, 1]);
    expect(confusion(table, new Int32Array(0), 6).classes).toEqual([]);
  });
  it('find by number first, then by name', () => {
    expect(findImages(table, '#3', 5)).toEqual([3, 2]);
    expect(findImages(table, 'LYNX', 5)).toEqual([4, 6]);
    expect(findImages(table, '99', 5)).toEqual([]);
    expect(findImages(table, ' ', 5)).toEqual([]);
  });
});

describe('an empty scope', () => {
  const help = (scope: Scope): string => emptyHelp(scope, 'such images', rowsOf(scope)).action;
  it('names the one condition without which there are images', () => {
    expect(help({ ...EVERYTHING, classes: [1], correct: 'wrong', confidence: [0.9, 1] })).toBe(
      'Clear the correctness filter',
    );
    expect(help({ ...EVERYTHING, correct: 'right', confidence: [0, 0.1] })).toBe('Clear the confidence filter');
  });
  it('offers all images when no single one will do', () => {
    const scope: Scope = { ...EVERYTHING, correct: 'right', confidence: [0, 0.1], pair: [2, 0] };
    expect(emptyHelp(scope, 'such images', rowsOf(scope))).toEqual({
      text: 'There are no such images.',
      action: 'Show all images',
      change: EVERYTHING,
    });
  });
});

describe('alike', () => {
  it('gives what sorting all distances gives', () => {
    const cells = 5;
    const values = Float32Array.from({ length: 40 * cells }, (_, i) => Math.sin(i * i));
    const rows = Int32Array.from({ length: 40 }, (_, i) => i);
    const distance = (a: number, b: number): number =>
      Math.hypot(...Array.from({ length: cells }, (_, c) => values[a * cells + c]! - values[b * cells + c]!));
    const expected = [...rows]
      .filter((row) => row !== 7)
      .sort((a, b) => distance(7, a) - distance(7, b))
      .slice(0, 6);
    const found = alike(values, cells, rows, 7, 6);
    expect(found.map(({ row }) => row)).toEqual(expected);
    expect(found[0]!.distance).toBeCloseTo(distance(7, expected[0]!), 5);
  });
  it('leaves out heads and images without values', () => {
    const values = Float32Array.from([1, NaN, 1, 5, NaN, NaN, 4, 0]);
    expect(alike(values, 2, Int32Array.from([0, 1, 2, 3]), 0, 6).map(({ row }) => row)).toEqual([1, 3]);
  });
});

describe('the map', () => {
  const box = { width: 120, height: 80 };
  const frame = { left: 10, right: 10, top: 5, bottom: 15 };
  it('puts the box into the frame, y upwards, and back', () => {
    const { x, y } = placed(Float32Array.from([0, 0, 1, 1, 0.5, 0.25]), box, frame);
    expect([...x]).toEqual([10, 110, 60]);
    expect([...y]).toEqual([65, 5, 50]);
    expect(unplaced(60, 50, box, frame)).toEqual([0.5, 0.25]);
  });
  it('keeps pictures that do not overlap, and all that could be added', () => {
    const n = 300;
    const x = Float32Array.from({ length: n }, (_, i) => 400 * Math.abs(Math.sin(i * 12.9)));
    const y = Float32Array.from({ length: n }, (_, i) => 250 * Math.abs(Math.sin(i * 78.2)));
    const rows = Array.from({ length: n }, (_, i) => i);
    const kept = thinned({ x, y }, rows, 28, 500);
    const overlap = (a: number, b: number): boolean => Math.abs(x[a]! - x[b]!) < 28 && Math.abs(y[a]! - y[b]!) < 28;
    for (const a of kept) for (const b of kept) if (a !== b) expect(overlap(a, b)).toBe(false);
    for (const row of rows) expect(kept.some((other) => other === row || overlap(other, row))).toBe(true);
    expect(thinned({ x, y }, rows, 28, 3)).toHaveLength(3);
  });
  it('goes to the nearest image in the direction of an arrow key', () => {
    const x = Float32Array.from([0, 10, 4, -9, NaN]);
    const y = Float32Array.from([0, 1, -9, 0, 0]);
    const rows = Int32Array.from([0, 1, 2, 3, 4]);
    const to = (key: string, from = 0): number | null => towards({ x, y }, rows, from, key);
    expect([to('ArrowRight'), to('ArrowLeft'), to('ArrowUp')]).toEqual([1, 3, 2]);
    expect(to('ArrowDown')).toBe(1); // outside the cone, but the only one below
    expect(to('ArrowRight', 1)).toBeNull();
    expect(to('x')).toBeNull();
  });
  it('has a shade for every value and one for none', () => {
    expect([...shadesOf(Float32Array.from([0, 0.5, 1, NaN]), (value) => value, 4)]).toEqual([0, 2, 3, 4]);
  });
});

describe('orders', () => {
  it('sort by each column, what has no value last', () => {
    expect([...sorted(every, 'confidence', false, table, null)]).toEqual([7, 4, 3, 1, 6, 0, 2]);
    expect([...sorted(every, 'confidence', true, table, null)]).toEqual([2, 0, 6, 1, 3, 4, 7]);
    expect([...sorted(every, 'true', false, table, null)]).toEqual([4, 6, 0, 1, 2, 3, 7]);
    expect([...sorted(every, 'correct', false, table, null)]).toEqual([1, 3, 4, 0, 2, 6, 7]);
    const totals = Float32Array.from([1, NaN, 3, 2, 9, 9, 0, 5]);
    expect([...sorted(every, 'total', true, table, totals)]).toEqual([4, 7, 2, 3, 0, 6, 1]);
  });
  it('begin a contact sheet with the surest wrong image, or the largest value', () => {
    expect([...sheetOrder(every, table, null)]).toEqual([1, 3, 4, 2, 0, 6, 7]);
    expect([...sheetOrder(every, table, Float32Array.from([1, 9, NaN, 2, 3, 0, 0, 0]))].slice(0, 3)).toEqual([1, 4, 3]);
  });
});

describe('words of an image', () => {
  const RUN = run();
  it('name the image, its classes and the head that matters most', () => {
    const values = new Float32Array(N * 9).fill(NaN);
    values.set([0.1, -0.5, 0.3], 9 + 3);
    expect(topHead(RUN, values, 9, 1)).toEqual({ head: { layer: 1, head: 1 }, value: -0.5 });
    expect(topHead(RUN, values, 9, 0)).toBeNull();
    const facts = { run: RUN, images: table, values, cells: 9, metric: JSD };
    expect(imageTooltip(facts, 1)).toEqual([
      '#1 tabby_2.png',
      '✕ true tabby · predicted tiger cat 60.0 %',
      'top head L1·H1: −0.500 bits',
    ]);
    expect(imageTooltip(facts, 5)).toEqual(['#5 skipped.png', 'true tabby']);
  });
  it('say how many, how far to trust, and what a tick is', () => {
    expect([nWords(3, 800), nWords(800, 800)]).toEqual(['n = 3 of 800', 'n = 800']);
    expect(trustWords({ trustworthiness: 0.8986, continuity: 0.951 })).toBe(
      'trustworthiness .90, continuity .95, 10 neighbours',
    );
    expect(trustWords({ trustworthiness: 1, continuity: 1 })).toBe(
      'trustworthiness 1.00, continuity 1.00, 10 neighbours',
    );
    expect([
      tickWords('confidence', 0.4),
      tickWords('total', 0.5),
      tickWords('total', 20),
      tickWords('total', 0),
    ]).toEqual(['40', '0.5', '20', '0']);
  });
  it('say why a layout is not to be had', () => {
    const old = run({ capabilities: { ...RUN.capabilities, embedding: false, layouts: ['importance/pca'] } });
    expect(layoutReason(RUN, 'embedding/tsne')).toBe('');
    expect(layoutReason(old, 'embedding/tsne')).toContain('analyse again');
    expect(layoutReason(old, 'importance/tsne')).toContain('3,000');
    expect(layoutReason(old, 'scalars')).toBe('');
    expect(LAYOUTS.map(({ value }) => value)).toEqual(OPTIONS.layout.values);
  });
});
