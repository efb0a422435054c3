import { describe, expect, it } from 'vitest';
import { attentionAnswer, matrixAnswer } from '../src/words/answers';
import { columnQuartiles, headMeans, spreadLevel } from '../src/attention/levels';
import {
  clipped,
  coverageOf,
  entropy,
  focusOf,
  fuse,
  outline,
  ringSquares,
  smallestSet,
  upsample,
} from '../src/attention/maps';
import { fusedRow, mapCaption, rowAsTsv, scaleOf, type MapChoice } from '../src/attention/shown';
import { images, run } from './fixtures';

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);
const close = (found: ArrayLike<number>, expected: number[], digits = 6): void => {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, digits));
};

describe('fusion', () => {
  const rows = [f32(0.75, 0.25), f32(0.5, 0.5)];
  it('is mean, max or min, entry by entry', () => {
    close(fuse(rows, 'mean'), [0.625, 0.375]);
    close(fuse(rows, 'max'), [0.75, 0.5]);
    close(fuse(rows, 'min'), [0.5, 0.25]);
  });
  it('keeps what is unknown unknown', () => {
    for (const fusion of ['mean', 'max', 'min'] as const) expect(fuse([f32(NaN, 1), f32(1, 1)], fusion)[0]).toBeNaN();
  });
  it('leaves out heads that a layer does not have', () => {
    const tokens = { prefix: [], rows: 1, cols: 2, patch: { height: 1, width: 1 }, cls: null };
    const values = f32(0.5, 0.5, NaN, NaN, 1, 0, 0, 1);
    const choice: MapChoice = {
      map: 'layer',
      head: { layer: 0, head: 0 },
      headFusion: 'max',
      layerFusion: 'min',
      residual: 0.5,
      discard: 0,
      startLayer: 0,
      legradLayers: 2,
      legradReading: 'mean',
      className: 'tabby',
    };
    const all = { values, layers: 2, heads: 2, tokens };
    close(fusedRow(all, [1, 2], choice), [0.5, 0.5]);
    close(fusedRow(all, [1, 2], { ...choice, map: 'layers' }), [0.5, 0.5]);
    close(fusedRow(all, [1, 2], { ...choice, map: 'layers', headFusion: 'mean', layerFusion: 'max' }), [0.5, 0.5]);
    close(fusedRow(all, [1, 2], { ...choice, map: 'head', head: { layer: 1, head: 0 } }), [1, 0]);
  });
});

// the same numbers as measures.focus, coverage and map_entropy
describe('how concentrated a row is', () => {
  it('is its entropy in nats, rescaled, 0 log 0 = 0', () => {
    expect(entropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(Math.log(4), 12);
    expect(entropy([2, 2, 0])).toBeCloseTo(Math.LN2, 12);
    expect(entropy([1, 0])).toBe(0);
    expect(entropy([0, 0])).toBeNaN();
    expect(entropy([NaN, 1])).toBeNaN();
  });
  it('is its focus', () => {
    expect(focusOf([0.5, 0])).toBe(1);
    expect(focusOf([0.2, 0.2, 0.2])).toBeCloseTo(0, 12);
    expect(focusOf([1])).toBeNaN();
  });
  it('is the smallest set of patches, within rounding', () => {
    expect(smallestSet([0.1, 0.4, 0.3, 0.2], 0.5)).toEqual([1, 2]);
    expect(smallestSet([0.1, 0.4, 0.3, 0.2], 0.4)).toEqual([1]);
    expect(coverageOf([0.75, 0.25])).toBe(0.5);
    expect(coverageOf(Array(5).fill(0.1))).toBe(3 / 5);
    expect(coverageOf([0, 0])).toBeNaN();
  });
  it('is outlined along the borders of patches', () => {
    expect(outline(new Set([0]), 1, 2).match(/[hv]1/g)).toHaveLength(4);
    expect(outline(new Set([0, 1]), 1, 2).match(/[hv]1/g)).toHaveLength(6);
    expect(outline(new Set([1]), 2, 2)).toBe('M1 0h1M1 0v1M2 0v1M1 1h1');
  });
});

describe('levels', () => {
  it('are quartiles, on one of them the lower level', () => {
    const values = f32(0.4, 0.1, 0.3, 0.2);
    const [column] = columnQuartiles(values, 1);
    expect([...values].map((value) => spreadLevel(value, column!))).toEqual([4, 1, 3, 2]);
    const [five] = columnQuartiles(f32(1, 2, 3, 4, 5), 1);
    expect([1, 2, 3, 4, 5].map((value) => spreadLevel(value, five!))).toEqual([1, 1, 2, 3, 4]);
    expect(spreadLevel(NaN, column!)).toBeNull();
  });
  it('leave out what is not computed', () => {
    const [column] = columnQuartiles(f32(NaN, 1, 3), 1);
    expect(column).toMatchObject({ low: 1, median: 2, high: 3, n: 2 });
    expect(spreadLevel(1, columnQuartiles(f32(NaN), 1)[0]!)).toBeNull();
  });
  it('of heads are taken of their mean', () => {
    close(headMeans(f32(1, 3, NaN, 5), 2, 2), [2, 5, 3.5]);
    expect(headMeans(f32(NaN, NaN), 1, 2)[0]).toBeNaN();
  });
});

describe('upsampling', () => {
  const from = { rows: 1, cols: 2 };
  it('to the same grid changes nothing', () => {
    const values = f32(1, 2, 3, 4, 5, 6);
    for (const kind of ['nearest', 'bilinear', 'bicubic'] as const) {
      close(upsample(values, { rows: 2, cols: 3 }, { rows: 2, cols: 3 }, kind), [...values]);
    }
  });
  it('repeats, or runs straight between centres', () => {
    close(upsample(f32(0, 1), from, { rows: 1, cols: 4 }, 'nearest'), [0, 0, 1, 1]);
    close(upsample(f32(0, 1), from, { rows: 1, cols: 4 }, 'bilinear'), [0, 0.25, 0.75, 1]);
  });
  it('keeps what is even even, and is never below 0', () => {
    for (const kind of ['bilinear', 'bicubic'] as const) {
      const found = upsample(f32(2, 2, 2, 2), { rows: 2, cols: 2 }, { rows: 7, cols: 5 }, kind);
      for (const value of found) expect(value).toBeCloseTo(2, 6);
    }
    expect(Math.min(...upsample(f32(0, 0, 1, 0, 0), { rows: 1, cols: 5 }, { rows: 1, cols: 50 }, 'bicubic'))).toBe(0);
  });
  it('is the Catmull-Rom spline', () => {
    // point 3 of 8 is a quarter of the way from the second value to the third
    const found = upsample(f32(0, 1, 2, 4), { rows: 1, cols: 4 }, { rows: 1, cols: 8 }, 'bicubic');
    const [a, b, c, d, t] = [0, 1, 2, 4, 0.25];
    const spline = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3);
    expect(found[3]).toBeCloseTo(spline, 6);
  });
});

describe('scales', () => {
  const { tokens } = run();
  const map = Float32Array.from({ length: 15 }, (_, i) => (i + 1) / 100);
  it('end where they say', () => {
    expect(scaleOf(map, 'map', tokens, 0.9)).toMatchObject({ top: map[14], above: 0 });
    expect(scaleOf(map, 'shared', tokens, 0.9).top).toBe(0.9);
    expect(scaleOf(map, 'absolute', tokens, 0.9).top).toBe(1);
    expect(
      scaleOf(
        map.map(() => 0),
        'map',
        tokens,
        0,
      ).top,
    ).toBeCloseTo(1 / 17, 9);
  });
  it('count what is clipped', () => {
    const { top, above } = clipped(Float32Array.from({ length: 196 }, (_, i) => i));
    expect(top).toBeCloseTo(0.99 * 195, 4);
    expect(above).toBe(2);
    expect(scaleOf(map, 'clip', tokens, 0)).toMatchObject({ above: 1, most: map[14] });
  });
});

describe('words', () => {
  const { tokens } = run();
  const choice: MapChoice = {
    map: 'rollout',
    head: { layer: 2, head: 1 },
    headFusion: 'mean',
    layerFusion: 'max',
    residual: 0.5,
    discard: 0,
    startLayer: 0,
    legradLayers: 2,
    legradReading: 'mean',
    className: 'tabby',
  };
  it('of a map name every parameter', () => {
    expect(mapCaption(choice, tokens, 0, 'from')).toBe(
      'rollout from CLS, mean over heads, residual 0.5, discard 0, from layer 0',
    );
    expect(mapCaption({ ...choice, map: 'layers' }, tokens, 0, 'to')).toBe(
      'mean over heads, max over layers: attention to CLS from each patch',
    );
    expect(mapCaption({ ...choice, map: 'head' }, tokens, 2, 'from')).toBe(
      'L2·H1 attends from patch (0, 0) to each patch',
    );
  });
  it('of a row are a table', () => {
    const lines = rowAsTsv(
      Float32Array.from({ length: 17 }, (_, i) => (i ? 0.5 : NaN)),
      tokens,
    ).split('\n');
    expect(lines).toHaveLength(18);
    expect(lines.slice(0, 4)).toEqual(['token\tattention', 'CLS\t', 'reg1\t0.5', 'patch (0, 0)\t0.5']);
  });
});

describe('images', () => {
  it('of the user’s own are there while the model is', () => {
    const live = run({ capabilities: { ...run().capabilities, live: true } });
    expect(attentionAnswer(live, images(), live.nImages, 3, 'to').kind).toBe('yes');
    expect(matrixAnswer(live, images(), live.nImages, 'Rollout').kind).toBe('yes');
    expect(attentionAnswer(run(), images(), run().nImages, 0, 'from')).toMatchObject({ kind: 'no' });
  });
  it('have whole matrices when featured, or with the model', () => {
    const recorded = run();
    const featured = recorded.capabilities.featured[0]!;
    expect(matrixAnswer(recorded, images(), featured, 'Rollout').kind).toBe('yes');
    const other = [0, 1, 2, 3].find((row) => !recorded.capabilities.featured.includes(row))!;
    expect(matrixAnswer(recorded, images(), other, 'Rollout')).toMatchObject({
      kind: 'no',
      command: recorded.capabilities.liveCommand,
    });
  });
});

it('the ring of a hop lies between two squares', () => {
  expect(ringSquares(2, 3, 1)).toEqual([
    { at: [2, 1], side: 3 },
    { at: [3, 2], side: 1 },
  ]);
  expect(ringSquares(2, 3, 0)).toEqual([{ at: [3, 2], side: 1 }]);
});
