// Heads against each other and over depth: groups as Python cuts them, repair in words, classes over layers.
import { describe, expect, it } from 'vitest';
import { atOneHop, shownBy, trends } from '../src/stats/class_trends';
import { closestPair, groupName, groupsAt, meanSimilarity, placesOf } from '../src/stats/head_groups';
import { curveOf, repairNumbers, repairOf, repairWords } from '../src/stats/repair';

// Heads 0, 2, 4 alike (0.95), 1 and 3 (0.8), the rest 0.1: average linkage by hand.
const SIMILARITY = Float32Array.from(
  [
    [1, 0.1, 0.95, 0.1, 0.95],
    [0.1, 1, 0.1, 0.8, 0.1],
    [0.95, 0.1, 1, 0.1, 0.95],
    [0.1, 0.8, 0.1, 1, 0.1],
    [0.95, 0.1, 0.95, 0.1, 1],
  ].flat(),
);
const MERGES = [
  { one: 0, other: 2, similarity: 0.95 },
  { one: 4, other: 5, similarity: 0.95 },
  { one: 1, other: 3, similarity: 0.8 },
  { one: 6, other: 7, similarity: 0.1 },
];
const ORDER = [3, 1, 4, 0, 2];

describe('groups', () => {
  it('are the merges at or above the threshold, largest first', () => {
    const found = groupsAt(MERGES, ORDER, SIMILARITY, 0.8);
    expect(found.map(({ heads }) => heads)).toEqual([
      [4, 0, 2],
      [3, 1],
    ]);
    expect(found.map(({ from }) => from)).toEqual([2, 0]);
    expect(found[0]!.similarity).toBeCloseTo(0.95, 6);
    expect(groupsAt(MERGES, ORDER, SIMILARITY, 0.9).map(({ heads }) => heads)).toEqual([[4, 0, 2]]);
    expect(groupsAt(MERGES, ORDER, SIMILARITY, 0.96)).toEqual([]);
    expect(groupsAt(MERGES, ORDER, SIMILARITY, 0.05)[0]!.heads).toEqual(ORDER);
  });

  it('know their places, names and closest pair', () => {
    expect([...placesOf(ORDER)]).toEqual([3, 1, 4, 0, 2]);
    expect([groupName(0), groupName(25), groupName(26)]).toEqual(['A', 'Z', '27']);
    expect(closestPair(SIMILARITY, 5)![2]).toBeCloseTo(0.95, 6);
    expect(closestPair(new Float32Array(4).fill(NaN), 2)).toBeNull();
    expect(meanSimilarity(SIMILARITY, 5, [0, 1, 3])).toBeCloseTo((0.1 + 0.1 + 0.8) / 3, 6);
    expect(meanSimilarity(SIMILARITY, 5, [0])).toBeNaN();
  });
});

describe('repair', () => {
  const words = (curve: number[], layer = 0): string => repairWords(repairOf(Float32Array.from(curve), layer)!);

  it('says what later layers do', () => {
    expect(words([0.1, 0.05, 0.02])).toBe('repaired: 80.0 % undone, ratio 0.200');
    expect(words([0.1, 0.2, 0.31])).toBe('amplified 3.1 times');
    expect(words([0.1, 0.2, 0.105])).toBe('kept, ratio 1.05');
    expect(words([0, 0.2, 0.3])).toBe('brought about later');
  });

  it('ends where the distance is last known', () => {
    const found = repairOf(Float32Array.from([NaN, 0.1, 0.3, NaN]), 1)!;
    expect(found.observed).toBe(2);
    expect(repairNumbers(found, 1)).toBe('cosine distance 0.100 right after layer 1, 0.300 after layer 2');
    expect(repairOf(Float32Array.from([NaN, NaN, 0.3]), 2)).toBeNull();
    expect(repairOf(Float32Array.from([NaN, NaN, NaN]), 0)).toBeNull();
  });

  it('finds the curve of a head by its place', () => {
    expect([...curveOf(Float32Array.from([1, 2, 3, 4, 5, 6]), 3, 1)]).toEqual([4, 5, 6]);
  });
});

describe('classes over layers', () => {
  it('are means over the heads that a layer has', () => {
    const rows = [{ target: 7, n: 3, means: Float64Array.from([1, 3, 5, NaN]) }];
    const [found] = trends(rows, [2, 1], 2, 1);
    expect([found!.target, found!.n, found!.focus]).toEqual([7, 3, 3]);
    expect([...found!.layers]).toEqual([2, 5]);
    expect(trends([{ target: 1, n: 1, means: Float64Array.from([NaN, NaN]) }], [1, 1], 1, 0)[0]!.layers[0]).toBeNaN();
  });

  it('of strength at one hop, and of matrices that show a pattern', () => {
    expect([...atOneHop(Float32Array.from([1, 2, 3, 4, 5, 6]), 3, 1)]).toEqual([2, 5]);
    const shown = shownBy(
      (matrix) => matrix === 1 || matrix === 2,
      Int32Array.from([0, 2]),
      [
        { layer: 0, head: 0 },
        { layer: 1, head: 0 },
      ],
      2,
      4,
      3,
    );
    expect([...shown.slice(0, 4)]).toEqual([0, NaN, 1, NaN]);
    expect(shown.slice(4, 8).every(Number.isNaN)).toBe(true);
    expect([shown[8], shown[10]]).toEqual([1, 0]);
  });
});
