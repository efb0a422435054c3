// Input sizes: intervals, means over the images in scope, shares, maps on one scale, sizes as users write them.
import { describe, expect, it } from 'vitest';
import {
  comparedInScope,
  headMap,
  ofImage,
  overImages,
  parseSizes,
  shareOf,
  sharedTop,
  sizeName,
  timesUniform,
  type Columns,
} from '../src/attention/resolution';
import { wilson } from '../src/stats/proportion';
import type { ResolutionInfo, SizedImage } from '../src/io/wire';

const size = (rows: number, cols: number, interpolated = true) => ({
  height: 4 * rows,
  width: 4 * cols,
  rows,
  cols,
  tokens: rows * cols + 1,
  diagonal: Math.hypot(4 * rows, 4 * cols),
  interpolated,
});
const info: ResolutionInfo = {
  recorded: true,
  reason: '',
  command: '',
  live: false,
  liveCommand: '',
  preprocessing: '',
  sizes: [size(2, 3), size(3, 5, false)],
  images: [7, -1, 2, 5],
  shown: [7],
  suggested: [],
  hasLabels: true,
  hasClassifier: true,
};
const CELLS = 6; // 2 layers of at most 3 heads
const filled = (value: (size: number, image: number, cell: number) => number): Float32Array =>
  Float32Array.from({ length: 2 * 4 * CELLS }, (_, i) =>
    value(Math.floor(i / (4 * CELLS)), Math.floor(i / CELLS) % 4, i % CELLS),
  );
const columns: Columns = {
  probability: Float32Array.from([0.1, 0.9, 0.3, 0.5, 0.2, 0.9, 0.6, 0.7]),
  correct: Float32Array.from([0, 1, 0, NaN, 1, 1, 0, NaN]),
  distance: filled((s, i, c) => (c === 5 ? NaN : 10 * s + i + c)),
  entropy: filled((s, _, c) => (c === 5 ? NaN : 1 + s + 0.1 * c)),
};

describe('a comparison of sizes', () => {
  it('is over the images in scope that were compared', () => {
    expect([...comparedInScope(info, Int32Array.from([0, 2, 5, 6]))]).toEqual([2, 3]);
    expect(comparedInScope(info, Int32Array.from([1, 3]))).toHaveLength(0);
  });
  it('has means with intervals, without the heads that a layer lacks', () => {
    const [small, own] = overImages(info, columns, Int32Array.from([0, 2, 3]), CELLS, 1);
    expect(small!.probability.value).toBeCloseTo((0.1 + 0.3 + 0.5) / 3, 6);
    expect(small!.probability.low).toBe(0); // three images leave nearly all open, within the range
    expect(small!.probability.high).toBeGreaterThan(0.5);
    expect(small!.probability.high).toBeLessThanOrEqual(1);
    expect(small!.accuracy).toMatchObject({ value: 0 });
    expect(own!.accuracy.value).toBeCloseTo(0.5, 9); // of two with a label
    expect(own!.accuracy.low).toBeCloseTo(wilson(1, 2).low, 9);
    expect(own!.distance.head).toBeCloseTo(10 + (0 + 2 + 3) / 3 + 1, 5);
    expect(own!.distance.all).toBeCloseTo(10 + 5 / 3 + 2, 5); // cells 0 to 4
    expect(own!.entropy.head).toBeCloseTo(2.1, 5);
    expect(shareOf('distance', own!, own!.distance.head)).toBeCloseTo(own!.distance.head / Math.hypot(12, 20), 9);
    expect(shareOf('entropy', own!, own!.entropy.head)).toBeCloseTo(own!.entropy.head / Math.log(16), 9);
    expect([small!.interpolated, own!.interpolated]).toEqual([true, false]);
  });
  it('has no number where there is no image, label or classifier', () => {
    const [none] = overImages(info, columns, new Int32Array(0), CELLS, 0);
    expect([none!.probability.value, none!.accuracy.value, none!.distance.all]).toEqual([NaN, NaN, NaN]);
    const [unlabelled] = overImages(info, columns, Int32Array.from([3]), CELLS, 5);
    expect([unlabelled!.accuracy.value, unlabelled!.distance.head]).toEqual([NaN, NaN]);
    expect(unlabelled!.probability.low).toBe(NaN); // one image says nothing about others
  });
  it('may be of one image', () => {
    const seen: SizedImage = {
      ...size(2, 3),
      prediction: null,
      targetProbability: 0.25,
      distance: [
        [1, 2, 3],
        [4, 5, null],
      ],
      entropy: [
        [1, 1, 1],
        [2, 2, null],
      ],
    };
    const found = ofImage(seen, 1, 2);
    expect([found.probability.value, found.distance.head]).toEqual([0.25, NaN]);
    expect(found.distance.all).toBe(3);
    expect(ofImage({ ...seen, targetProbability: null }, 0, 1).probability.value).toBe(NaN);
  });
});

it('Wilson’s interval is the textbook’s', () => {
  expect(wilson(81, 263).low).toBeCloseTo(0.2553, 4); // Newcombe 1998
  expect(wilson(81, 263).high).toBeCloseTo(0.3662, 4);
  expect(wilson(0, 10)).toMatchObject({ low: 0 });
  expect(wilson(0, 0).value).toBe(NaN);
});

it('maps of different grids share a scale of multiples of uniform attention', () => {
  const values = Float32Array.from({ length: 2 * 2 * 6 }, (_, i) => (i >= 18 ? NaN : i / 100));
  const map = headMap(values, 2, 1, 0, 6)!;
  expect([...map].map((value) => Math.round(100 * value))).toEqual([12, 13, 14, 15, 16, 17]);
  expect(headMap(values, 2, 1, 1, 6)).toBeNull(); // the layer lacks it
  expect(headMap(values, 2, 2, 0, 6)).toBeNull();
  expect(timesUniform(map, 7)[0]).toBeCloseTo(0.84, 6);
  expect(sharedTop([timesUniform(map, 7), null])).toBeCloseTo(1.19, 6);
  expect(sharedTop([null, Float32Array.from([0.2])])).toBe(1);
});

it('sizes are read as users write them', () => {
  const patch = { height: 16, width: 16 };
  expect(parseSizes('224, 96 160x96; 96', patch)).toEqual(['96', '160x96', '224']);
  for (const text of ['', '100', '0', '96,abc', '-16', '16x']) expect(parseSizes(text, patch)).toBeNull();
  expect(parseSizes('12x20', { height: 4, width: 5 })).toEqual(['12x20']);
  expect([sizeName({ height: 8, width: 8 }), sizeName({ height: 8, width: 12 })]).toEqual(['8', '8x12']);
});
