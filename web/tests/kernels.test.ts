import { describe, expect, it } from 'vitest';
import { descending, means, prepareOrders, quantile, ranks, selected, spearman, summarise } from '../src/stats/kernels';

// numpy.quantile([1, 2, 4, 8, 16], q) and its like, written out
describe('quantile', () => {
  it.each([
    [0, 1],
    [0.25, 2],
    [0.5, 4],
    [0.6, 5.6],
    [1, 16],
  ])('%d of 1 2 4 8 16 is %d', (share, expected) =>
    expect(quantile([1, 2, 4, 8, 16], share)).toBeCloseTo(expected, 12),
  );
});

describe('selected', () => {
  it('is the quantile, whatever the order, ties and length', () => {
    let seed = 3;
    for (let length = 1; length < 60; length++) {
      const values = Float32Array.from({ length }, () => (seed = (seed * 48271) % 2147483647) % 17);
      for (const share of [0, 0.25, 0.5, 0.75, 0.9, 1]) {
        expect(selected(values.slice(), share)).toBe(quantile(values.slice().sort(), share));
      }
    }
  });
});

describe('means of many images', () => {
  it('leaves out what is missing, whichever images are taken together', () => {
    const values = Float32Array.from({ length: 3 * 11 }, (_, i) => (i % 3 === 2 || i === 12 || i === 30 ? NaN : i * i));
    const rows = Int32Array.from({ length: 11 }, (_, i) => i);
    const naive = [0, 1, 2].map((column) => {
      const known = [...rows].map((row) => values[3 * row + column]!).filter((value) => value === value);
      return known.reduce((a, b) => a + b, 0) / known.length;
    });
    expect([...means(values, 3, rows)]).toEqual(naive);
  });
  it.each([[NaN], [Infinity]])('are the same over most of them as over few, %d among the values', (odd) => {
    const values = Float32Array.from({ length: 2 * 12 }, (_, i) =>
      i === 9 || i === 20 ? odd : Math.sin(i) * 10 ** (i % 5),
    );
    for (let left = 0; left < 12; left++) {
      const rows = Int32Array.from({ length: 12 }, (_, i) => i).filter((i) => i % 5 !== left);
      for (const column of [0, 1]) {
        const known = [...rows].map((row) => values[2 * row + column]!).filter((value) => value === value);
        const mean = known.reduce((a, b) => a + b, 0) / known.length;
        const found = means(values, 2, rows)[column]!;
        if (Number.isFinite(mean)) expect(found).toBeCloseTo(mean, 9);
        else expect(found).toBe(mean);
      }
    }
  });
});

describe('means', () => {
  it('leave gaps out', () => {
    const found = means(Float32Array.from([1, NaN, NaN, 3, 4, NaN, 5, 6, NaN]), 3, Int32Array.from([0, 1, 2]));
    expect([...found]).toEqual([3, 5, NaN]);
  });
});

// scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) and with ties on both sides
describe('spearman', () => {
  it('is what scipy gives', () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(spearman([1, 2, 2, 4], [4, 3, 3, 1])).toBeCloseTo(-1, 12);
    expect(spearman([1, NaN, 2, 3], [2, 9, 4, 6])).toBeCloseTo(1, 12);
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN();
  });
});

describe('summarise of few or many of the images', () => {
  // Signs, ties, infinities, -0 and missing values; the images asked about stand among others that must not count.
  const column = Float32Array.from({ length: 40 }, (_, i) => [Math.sin(i * 7) * 10, -0, 2, NaN, i - 20, 0][i % 6]!);
  column[7] = -Infinity;
  column[8] = Infinity;
  it.each([40, 4000])('is the same by sorting once and by selection: 20 of %i', (n) => {
    const values = new Float32Array(2 * n).fill(99);
    column.forEach((value, row) => (values[2 * row + 1] = value));
    const rows = Int32Array.from({ length: 20 }, (_, i) => i + 5);
    const known = Float64Array.from(rows, (row) => column[row]! + 0)
      .filter((value) => value === value)
      .sort();
    const found = summarise(values, 2, rows);
    expect(found.n[1]).toBe(known.length);
    expect([found.q1[1]! + 0, found.median[1]! + 0, found.q3[1]! + 0]).toEqual(
      [0.25, 0.5, 0.75].map((share) => quantile(known, share) + 0),
    );
    const finite = summarise(
      values,
      2,
      rows.filter((row) => Number.isFinite(column[row]) || column[row] !== column[row]),
    );
    const sum = known.filter(Number.isFinite).reduce((a, b) => a + b, 0);
    expect(finite.mean[1]).toBeCloseTo(sum / known.filter(Number.isFinite).length, 12);
  });
  it('is the same over all of them, and when some or all orders were made before', () => {
    const values = Float32Array.from({ length: 3 * 40 }, (_, i) => column[(i * 7) % 40]!);
    const all = Int32Array.from({ length: 40 }, (_, i) => i);
    for (const rows of [all.slice(0, 30), all]) {
      const expected = summarise(values.slice(), 3, rows);
      const whole = values.slice();
      const preparing = prepareOrders(whole, 3);
      for (const made of [0, 1, 3]) {
        for (let i = 0; i < made; i++) preparing.next();
        expect(summarise(whole, 3, rows)).toEqual(expected);
      }
    }
    const prepared = values.slice();
    expect([...prepareOrders(prepared, 3)].length).toBe(3);
    expect([...prepareOrders(prepared, 3)].length).toBe(0);
  });
});

describe('summarise', () => {
  // [image][head], head 1 has a gap, head 2 nothing
  const values = Float32Array.from([1, 10, NaN, 2, NaN, NaN, 4, 20, NaN, 8, 40, NaN]);
  const summary = summarise(values, 3, Int32Array.from([0, 1, 2, 3]));

  it('counts only what was computed', () => expect([...summary.n]).toEqual([4, 3, 0]));
  it('takes mean, median and quartiles head by head', () => {
    expect(summary.mean[0]).toBe(3.75);
    expect(summary.median[0]).toBe(3);
    expect(summary.q1[0]).toBe(1.75);
    expect(summary.q3[0]).toBe(5);
    expect(summary.median[1]).toBe(20);
  });
  it('gives consistency 1 - IQR / (IQR + |median|)', () =>
    expect(summary.consistency[0]).toBeCloseTo(1 - 3.25 / 6.25, 12));
  it('leaves a head without values empty', () => expect(summary.mean[2]).toBeNaN());
  it('has no consistency at 0 / 0', () => {
    expect(summarise(Float32Array.from([0, 0]), 1, Int32Array.from([0, 1])).consistency[0]).toBeNaN();
  });
  it('looks at the images in scope alone', () => {
    expect(summarise(values, 3, Int32Array.from([1, 3])).mean[0]).toBe(5);
  });
});

describe('ranks', () => {
  it('puts the largest first and leaves out what is missing', () => {
    expect([...ranks(Float64Array.from([0.2, NaN, 0.5, -1]))]).toEqual([2, 0, 1, 3]);
    expect([...ranks(Float64Array.from([1, 2, 1, 0]))]).toEqual([2, 1, 2, 4]);
    expect(descending(Float64Array.from([1, 1, 2]))).toEqual([2, 0, 1]);
  });
});
