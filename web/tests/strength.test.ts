import { describe, expect, it } from 'vitest';
import { axisFor, axisTicks, placeOn, shareTick, valueAt } from '../src/plot/axis';
import { histogram } from '../src/stats/histogram';
import {
  atHop,
  bandOf,
  brushed,
  fitting,
  hopBands,
  layerBands,
  realHeads,
  ringMembers,
  uniformReach,
  uniformStrength,
} from '../src/attention/strength';

const square = { prefix: ['cls'], rows: 14, cols: 14, patch: { height: 16, width: 16 }, cls: 0 };
const oblong = { prefix: [], rows: 2, cols: 4, patch: { height: 3, width: 5 }, cls: null };

describe('rings', () => {
  it('have their sizes on 14 x 14', () => {
    const pairs = [196, 1404, 2496, 3300, 3840, 4140, 4224, 4116, 3840, 3420, 2880, 2244, 1536, 780];
    expect([...ringMembers(square, 14)].map((members) => Math.round(members * 196))).toEqual(pairs);
  });
  it('of an oblong grid are those counted one by one', () => {
    const counts = [0, 0, 0, 0];
    for (let a = 0; a < 8; a++)
      for (let b = 0; b < 8; b++)
        counts[Math.max(Math.abs((a >> 2) - (b >> 2)), Math.abs((a % 4) - (b % 4)))]! += 1 / 8;
    expect([...ringMembers(oblong, 4)]).toEqual(counts);
  });
  it('add up to all patches, and uniform mass to all but the prefix tokens', () => {
    expect(uniformStrength(square, 14, 'mass').reduce((a, b) => a + b)).toBeCloseTo(196 / 197, 12);
    expect(uniformStrength(square, 14, 'density')[5]).toBe(1 / 197);
  });
});

describe('uniform attention', () => {
  it('reaches 115.901 px on 14 x 14 patches of 16 px and CLS', () => {
    expect(uniformReach(square).distance).toBeCloseTo(115.901, 3);
    expect(uniformReach(square).near).toBeCloseTo(1600 / 196 / 197, 12);
  });
});

describe('bands', () => {
  it('leave missing heads out', () => {
    expect(bandOf([4, NaN, 1, 2])).toEqual({ q1: 1.5, median: 2, q3: 3, mean: 7 / 3 });
    expect(bandOf([NaN]).median).toBeNaN();
  });
  it('go over the heads that exist, by hop and by layer', () => {
    const heads = realHeads([1, 2], 2);
    expect(heads).toEqual([0, 2, 3]);
    const means = Float64Array.from([1, 10, 99, 99, 2, 20, 6, 60]);
    expect(hopBands(means, 2, heads).map(({ median }) => median)).toEqual([2, 20]);
    expect(layerBands(atHop(means, 2, 1), [1, 2], 2).map(({ mean }) => mean)).toEqual([10, 40]);
  });
});

describe('heads by profile', () => {
  const mass = Float64Array.from([0.3, 0.2, 0.1, 0.1, 0.6, 0.1, NaN, NaN, NaN]);
  it('are those with enough in sum, most first', () => {
    expect(fitting(mass, 3, [0, 1, 2], { from: 0, to: 1, least: 0.5 })).toEqual([1, 0]);
    expect(fitting(mass, 3, [0, 1, 2], { from: 0, to: 1, least: 0.51 })).toEqual([1]);
    expect(fitting(mass, 3, [0, 1, 2], { from: 2, to: 9, least: 0 })).toEqual([0, 1]);
  });
  it('lie above the lower edge of what was brushed', () => {
    expect(brushed(square, 'mass', 1, 3, 0.1)).toEqual({ from: 1, to: 3, least: 0.3 });
    expect(brushed(square, 'mass', 0, 13, 0.5).least).toBe(1);
    expect(brushed(square, 'density', 1, 1, 0.02).least).toBe(0.14); // 0.02 x 7.16 ring members
    expect(brushed(square, 'mass', 5, 5, 0.0042).least).toBe(0.004);
  });
});

describe('axes', () => {
  it('are linear from 0', () => {
    const axis = axisFor([0.5, NaN, 0.2], 'linear');
    expect(placeOn(axis, 0.26)).toBeCloseTo(0.5, 12);
    expect(valueAt(axis, placeOn(axis, 0.1))).toBeCloseTo(0.1, 12);
    expect(axisTicks(axis, 5)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
  });
  it('are logarithmic over at most four powers of ten', () => {
    const axis = axisFor([0, 1e-9, 0.01, 0.5], 'log');
    expect(axis.low).toBeCloseTo(0.45e-4, 12);
    expect(placeOn(axis, 0)).toBe(0);
    expect(valueAt(axis, placeOn(axis, 0.01))).toBeCloseTo(0.01, 12);
    expect(axisTicks(axis, 5).map(shareTick)).toEqual(['0.01 %', '0.1 %', '1 %', '10 %']);
  });
  it('have ticks within one power of ten', () =>
    expect(axisTicks({ kind: 'log', low: 0.012, high: 0.09 }, 5)).toEqual([0.02, 0.05]));
});

describe('histogram', () => {
  it('counts between the smallest and the largest', () => {
    const found = histogram([0, 1, 2, NaN, 4], 4)!;
    expect([...found.counts]).toEqual([1, 1, 1, 1]);
    expect([found.low, found.high, found.n]).toEqual([0, 4, 4]);
  });
  it('puts one value in the middle and says nothing of none', () => {
    expect([...histogram([3, 3], 3)!.counts]).toEqual([0, 2, 0]);
    expect(histogram([NaN], 3)).toBeNull();
  });
});
