// The page's statistics against the cases that the report's are held to: written by tests/reference/statistics.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { leader } from '../src/stats/evidence';
import {
  clearlyFirst,
  meanIntervals,
  medianIntervals,
  rangeOf,
  studentTimes,
  type Range,
} from '../src/stats/intervals';
import { descending, means, spearman, summarise } from '../src/stats/kernels';
import { beyondChance, chanceWords, hiddenQuadrant } from '../src/stats/quadrant';
import { measured, Sampler } from '../src/stats/resampling';

type Row = readonly (number | null)[];
interface Shared {
  readonly draws: readonly {
    readonly n: number;
    readonly draw: number;
    readonly seed: number;
    readonly rows: readonly number[];
  }[];
  readonly cases: readonly {
    readonly name: string;
    readonly low: number | null;
    readonly high: number | null;
    readonly share: boolean;
    readonly values: readonly Row[];
    readonly interval: readonly Row[];
    readonly median: readonly Row[];
    readonly clear: boolean;
    readonly consistency: Row;
  }[];
  readonly quadrants: readonly {
    readonly name: string;
    readonly output: Row;
    readonly layers: readonly Row[];
    readonly found: number;
    readonly expected: number;
    readonly p: number;
  }[];
  readonly student: readonly (readonly [n: number, times: number])[];
  readonly spearman: readonly { readonly a: readonly number[]; readonly b: readonly number[]; readonly rho: number }[];
}
const shared = JSON.parse(
  readFileSync(new URL('../../tests/shared/statistics.json', import.meta.url), 'utf8'),
) as Shared;
const near = (found: number, expected: number | null): void => {
  if (expected === null) expect(found).toBeNaN();
  else expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected) + 1e-12);
};

describe('draws', () => {
  it.each(shared.draws)('are those of the report: $n images, draw $draw, seed $seed', ({ n, draw, seed, rows }) => {
    const times = new Array<number>(n).fill(0);
    rows.forEach((row) => times[row]!++);
    const found = new Sampler(n, seed).draw(draw);
    const known = times.flatMap((many, image) => (many ? [[image, many]] : []));
    expect(Array.from({ length: found.length }, (_, i) => [found.images[i], found.times[i]])).toEqual(known);
  });
  it('are of the images that were measured', () =>
    expect([...measured(Float32Array.from([NaN, NaN, NaN, 1, 2, NaN, 3, 4]), 2, Int32Array.from([0, 1, 3]))]).toEqual([
      1, 3,
    ]));
});

describe.each(shared.cases)('over images: $name', (of) => {
  const width = of.values[0]!.length;
  const values = Float32Array.from(of.values.flat(), (value) => value ?? NaN);
  const rows = Int32Array.from(of.values.keys());
  const heads = Array.from({ length: width }, (_, head) => head);
  const range: Range = { low: of.low ?? -Infinity, high: of.high ?? Infinity, share: of.share };

  it('intervals of means are those of the report, all heads at once or one by one', () => {
    meanIntervals(values, width, rows, heads, range).forEach((found, head) =>
      found.forEach((end, side) => near(end, of.interval[head]![side]!)),
    );
    const [last] = meanIntervals(values, width, rows, [width - 1], range);
    last!.forEach((end, side) => near(end, of.interval[width - 1]![side]!));
  });
  it('intervals of medians are order statistics', () =>
    medianIntervals(values, width, rows, heads).forEach((found, head) =>
      found.forEach((end, side) => near(end, of.median[head]![side]!)),
    ));
  it('says which head is clearly first as the report does', () =>
    expect(clearlyFirst(values, width, rows, descending(means(values, width, rows))[0]!)).toBe(of.clear));
  it('has the consistency of the report', () =>
    summarise(values, width, rows).consistency.forEach((found, head) => near(found, of.consistency[head]!)));
  it('is the same among other images that are not in scope', () => {
    const more = new Float32Array(values.length + 3 * width).fill(0.77);
    more.set(values, 2 * width);
    const moved = rows.map((row) => row + 2);
    meanIntervals(more, width, moved, heads, range).forEach((found, head) =>
      found.forEach((end, side) => near(end, of.interval[head]![side]!)),
    );
  });
});

describe('the first head', () => {
  it('is none where all heads have the same mean', () => {
    const found = leader(new Float32Array(12), 4, Int32Array.from([0, 1, 2]));
    expect([found.flat, found.clear]).toEqual([true, false]);
    expect(leader(Float32Array.from([0, 1, 0, 1]), 2, Int32Array.from([0, 1]))).toMatchObject({
      flat: false,
      clear: true,
    });
    expect(leader(Float32Array.from([3, NaN, 3, NaN]), 2, Int32Array.from([0, 1]))).toMatchObject({
      flat: false,
      clear: true,
    });
  });
});

describe('low on output, high on layer', () => {
  const column = (row: Row): Float64Array => Float64Array.from(row, (value) => value ?? NaN);
  it.each(shared.quadrants.filter(({ layers }) => layers.length === 1))(
    'is set against chance: $name',
    ({ output, layers, found, expected, p }) => {
      const quadrant = hiddenQuadrant(column(output), column(layers[0]!));
      expect(quadrant.heads.length).toBe(found);
      near(quadrant.expected, expected);
      near(quadrant.p, p);
    },
  );
  it('is a finding only beyond chance', () => {
    const ramp = Float64Array.from({ length: 36 }, (_, i) => i);
    const planted = hiddenQuadrant(
      ramp.map((value) => -value),
      ramp,
    );
    expect([planted.heads.length, beyondChance(planted), chanceWords(planted)]).toEqual([
      9,
      true,
      '4.50 expected if unrelated: more than chance',
    ]);
    const none = hiddenQuadrant(ramp, ramp);
    expect([beyondChance(none), chanceWords(none)]).toEqual([
      false,
      '4.50 expected if unrelated: fewer than chance, no finding',
    ]);
  });
});

it.each(shared.student)('Student’s t of %i values reaches %f', (n, times) =>
  expect(studentTimes(n) / times).toBeCloseTo(1, 9),
);
it.each(shared.spearman)('Spearman’s rho is the reference’s', ({ a, b, rho }) =>
  expect(spearman(a, b)).toBeCloseTo(rho, 12),
);
it('the range of a measure is the wire’s', () => {
  const metric = {
    name: 'flip',
    label: '',
    unit: 'share of images',
    signed: false,
    least: 0,
    most: null,
    family: 'output' as const,
    definition: '',
    available: true,
    reason: '',
  };
  expect(rangeOf(metric)).toEqual({ low: 0, high: Infinity, share: true });
});
