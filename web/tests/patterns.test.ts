// Patterns in the page: what is counted over the scope, sets, the look-up of dots, dots as pixels, labels without overlap.
import { describe, expect, it } from 'vitest';
import { DotGrid } from '../src/plot/marks/dot_grid';
import { drawDots, stampOf } from '../src/plot/marks/dot_raster';
import { glyphPlaces, type Anchor } from '../src/plot/marks/glyph_places';
import {
  byClass,
  byLayer,
  clustersOfHead,
  countsOf,
  effectByCluster,
  entropyBits,
  flatHead,
  headOf,
  imageOf,
  leading,
  matrixOf,
  membersByDistance,
  mixesOf,
  NO_CLUSTER,
  sampledInScope,
  sampleOf,
  shares,
  sharesIn,
} from '../src/patterns/sample';
import { matricesIn, samePatterns, toggledCluster, type PatternSet } from '../src/selection/pattern_set';
import { called } from '../src/patterns/names';
import { labelled, seriated } from '../src/patterns/tables';
import { LASSO_STEPS } from '../src/selection/scope';
import { patternClause } from '../src/words/why';

const N_HEADS = [2, 3];
const SAMPLE = sampleOf([1, 4, 6], 8, N_HEADS);

function randoms(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

describe('a sample of matrices', () => {
  it('numbers matrices image by image, layers of different width included', () => {
    for (let matrix = 0; matrix < 15; matrix++)
      expect(matrixOf(SAMPLE, imageOf(SAMPLE, matrix), headOf(SAMPLE, matrix))).toBe(matrix);
    expect([headOf(SAMPLE, 7), imageOf(SAMPLE, 7)]).toEqual([{ layer: 1, head: 0 }, 4]);
    expect(flatHead(SAMPLE, { layer: 1, head: 2 })).toBe(4);
    expect(matrixOf(SAMPLE, 2, { layer: 0, head: 0 })).toBeNull();
    expect(matrixOf(SAMPLE, null, { layer: 0, head: 0 })).toBeNull();
    expect(matrixOf(SAMPLE, 99, { layer: 0, head: 0 })).toBeNull();
  });
  it('says which pattern a head shows on each image', () => {
    const cluster = Uint8Array.from({ length: 15 }, (_, matrix) => matrix);
    expect([...clustersOfHead(cluster, SAMPLE, { layer: 1, head: 1 })]).toEqual([255, 3, 255, 255, 8, 255, 13, 255]);
  });

  it('counts what slow loops count, over the images in scope only', () => {
    const random = randoms(5);
    const cluster = Uint8Array.from({ length: 15 }, () => [0, 1, 2, NO_CLUSTER][Math.floor(4 * random())]!);
    const within = sampledInScope(SAMPLE, Int32Array.of(0, 1, 6, 7));
    expect([...within]).toEqual([1, 0, 1]);
    const mixes = mixesOf(cluster, 5, 3, within);
    expect(mixes.images).toBe(2);
    for (let flat = 0; flat < 5; flat++) {
      const seen = [0, 2].map((place) => cluster[place * 5 + flat]!);
      expect([...countsOf(mixes, flat)]).toEqual(
        [0, 1, 2, NO_CLUSTER].map((of) => seen.filter((other) => other === of).length),
      );
    }
    expect([...byLayer(mixes, SAMPLE).subarray(0, 4)]).toEqual(
      [0, 1, 2, 3].map((column) => countsOf(mixes, 0)[column]! + countsOf(mixes, 1)[column]!),
    );
    const classes = byClass(cluster, SAMPLE, 3, within, (image) => (image === 6 ? 1 : -1), 2);
    expect([...classes]).toEqual([
      0,
      0,
      0,
      0,
      ...[0, 1, 2, NO_CLUSTER].map((of) => [...cluster.subarray(10)].filter((other) => other === of).length),
    ]);
    const inSet = Uint8Array.from(cluster, (of) => Number(of === 1));
    expect([...sharesIn(inSet, 5, within)]).toEqual(
      Array.from({ length: 5 }, (_, flat) => countsOf(mixes, flat)[1]! / 2),
    );
    expect(sharesIn(inSet, 5, new Uint8Array(3)).every(Number.isNaN)).toBe(true);
  });

  it('has the entropy of its mix: 0 for one pattern, log2 k for k equal ones, matrices in none counted as one', () => {
    expect(entropyBits([7, 0, 0])).toBe(0);
    expect(entropyBits([2, 2, 2, 2])).toBeCloseTo(2, 12);
    expect(entropyBits([3, 1])).toBeCloseTo(0.811278, 6);
    expect(entropyBits([0, 0])).toBeNaN();
    expect([...shares([3, 1])]).toEqual([0.75, 0.25]);
    expect([leading([2, 5, 5, 9]), leading([0, 0, 3])]).toEqual([1, null]);
  });

  it('averages the effect of pruning over the matrices of each pattern', () => {
    const cluster = Uint8Array.from([0, 0, 1, 1, 1, /**/ 0, 1, 1, 0, 1, /**/ 1, 1, 1, 1, NO_CLUSTER]);
    const values = Float32Array.from({ length: 8 * 6 }, (_, i) => (i === 6 + 1 ? NaN : i)); // [8 images, 2 layers, 3 heads]
    const { mean, n } = effectByCluster(cluster, SAMPLE, 2, Uint8Array.of(1, 1, 0), values, 6, 3);
    expect([...n]).toEqual([3, 6]);
    expect(mean[0]).toBeCloseTo((6 + 24 + 28) / 3);
    expect(mean[1]).toBeCloseTo((9 + 10 + 11 + 25 + 27 + 29) / 6);
  });

  it('lists members nearest the medoid first', () => {
    const cluster = Uint8Array.from([0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    const distance = Float32Array.from([3, 1, 2, 0, 1, 0, 0, 0, 0, 0, 5, 4, 4, 1, 2]);
    expect([...membersByDistance(cluster, distance, 0, 5, Uint8Array.of(1, 0, 1))]).toEqual([4, 13, 2, 14, 0, 12, 10]);
  });

  it('puts heads with the same pattern together', () => {
    const counts = Int32Array.from([9, 1, 0, /**/ 2, 8, 0, /**/ 10, 0, 0, /**/ 0, 10, 0, /**/ 3, 3, 4]);
    const mixes = { counts, columns: 3, images: 10 };
    expect(seriated(mixes)).toEqual([2, 0, 4, 3, 1]);
  });

  it('gives clusters of one name their number', () => {
    expect(labelled(['row', 'mixed', 'row', 'self'])).toEqual(['row #0', 'mixed', 'row #2', 'self']);
  });

  it('says in words which pattern a head shows and whether the image decides', () => {
    const families = { shift: ['one patch left', 'one patch right'] };
    const of = (counts: Record<string, number>) => called(new Map(Object.entries(counts)), families);
    const facts = { own: of({ uniform: 494, 'content blob': 61 }), n: 555, content: 0.123 };
    expect(patternClause(facts)).toBe('its pattern is uniform in 89 % of 555 images, content dependence 0.12');
    expect(patternClause({ ...facts, content: NaN })).toBe('its pattern is uniform in 89 % of 555 images');
    const shifts = { own: of({ 'one patch left': 4, 'one patch right': 3, mixed: 3 }), n: 10, content: NaN };
    expect(patternClause(shifts)).toBe(
      'its pattern is shift: one patch left in 40 %, one patch right in 30 % and mixed in 30 % of 10 images',
    );
    expect(patternClause({ ...shifts, own: of({ row: 4, local: 3, mixed: 3 }) })).toBe(
      'its pattern is mixed: row in 40 %, local in 30 % and mixed in 30 % of 10 images',
    );
    expect(patternClause({ ...facts, own: called(new Map(), families) })).toBe('');
  });
});

describe('the pattern set', () => {
  it('takes clusters in and out, in order, and is nothing when the last one goes', () => {
    const two = toggledCluster(toggledCluster(null, 3), 1);
    expect(two).toEqual({ kind: 'clusters', clusters: [1, 3] });
    expect(toggledCluster(toggledCluster(two, 1), 3)).toBeNull();
    expect(samePatterns(two, { kind: 'clusters', clusters: [1, 3] })).toBe(true);
    expect(samePatterns(two, null)).toBe(false);
    expect(toggledCluster({ kind: 'lasso', points: [] }, 2)).toEqual({ kind: 'clusters', clusters: [2] });
  });
  it('holds the matrices of its clusters, or those inside its outline', () => {
    const cluster = Uint8Array.of(0, 1, 2, NO_CLUSTER);
    const positions = Float32Array.of(0.1, 0.1, 0.9, 0.9, 0.4, 0.6, NaN, NaN);
    expect([...matricesIn({ kind: 'clusters', clusters: [0, 2] }, cluster, positions)]).toEqual([1, 0, 1, 0]);
    const square: PatternSet = {
      kind: 'lasso',
      points: (
        [
          [0, 0],
          [0.5, 0],
          [0.5, 0.7],
          [0, 0.7],
        ] as const
      ).map(([x, y]) => [x * LASSO_STEPS, y * LASSO_STEPS] as const),
    };
    expect([...matricesIn(square, cluster, positions)]).toEqual([1, 0, 1, 0]);
  });
});

describe('dots', () => {
  it('are found as a search through all of them finds the nearest', () => {
    const random = randoms(9);
    const n = 2000;
    const positions = Float32Array.from({ length: 2 * n }, (_, i) => (i < 20 ? NaN : random() ** 2));
    const grid = new DotGrid(positions);
    const counts = (dot: number): boolean => dot % 3 !== 0;
    for (let i = 0; i < 300; i++) {
      const [x, y] = [1.2 * random() - 0.1, 1.2 * random() - 0.1];
      let [best, least] = [null as number | null, 49];
      for (let dot = 0; dot < n; dot++) {
        const distance = ((positions[2 * dot]! - x) * 300) ** 2 + ((positions[2 * dot + 1]! - y) * 200) ** 2;
        if (distance <= least && counts(dot)) [best, least] = [dot, distance];
      }
      expect(grid.nearest(x, y, 7, 300, 200, counts)).toBe(best);
    }
  });

  it('become pixels of their own colour, the later one in front, none outside the bitmap', () => {
    const raster = { words: new Uint32Array(20 * 10), width: 20, height: 10 };
    const places = Float32Array.of(5, 5, 5, 5, 14, 5, -3, 5, 19, 9, NaN, 2);
    drawDots(
      raster,
      places,
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 1, 1, 1],
      [[255, 0, 0], [0, 0, 255], undefined],
      stampOf(1.5),
    );
    expect(raster.words[5 * 20 + 5]! >>> 0).toBe(0xffff0000);
    expect(raster.words[5 * 20 + 14]).toBe(0);
    const drawn = [...raster.words].flatMap((word, i) => (word ? [i] : []));
    expect(drawn.every((i) => Math.hypot((i % 20) - 5, Math.floor(i / 20) - 5) <= 2)).toBe(true);
  });
});

describe('labels on the map', () => {
  it('never overlap nor leave the map, and stay in order of worth', () => {
    const random = randoms(3);
    for (let round = 0; round < 60; round++) {
      const box = { width: 200 + 300 * random(), height: 150 + 300 * random() };
      const many = 2 + Math.floor(10 * random());
      const anchors: Anchor[] = Array.from({ length: many }, () => ({
        x: box.width * random(),
        y: box.height * random() ** 3,
        width: 30 + 60 * random(),
        height: 30 + 20 * random(),
      }));
      const places = glyphPlaces(anchors, box);
      expect(places.map(({ at }) => at)).toEqual(places.map((_, i) => i));
      const boxes = places.map(({ at, left, top }) => ({
        left,
        top,
        right: left + anchors[at]!.width,
        bottom: top + anchors[at]!.height,
      }));
      boxes.forEach((a, i) => {
        expect(a.left >= 0 && a.top >= 0 && a.right <= box.width + 1 && a.bottom <= box.height + 1).toBe(true);
        for (const b of boxes.slice(i + 1))
          expect(a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).toBe(false);
      });
    }
  });
  it('stay where they are when there is room', () => {
    const anchors = [
      { x: 50, y: 50, width: 30, height: 30 },
      { x: 150, y: 80, width: 30, height: 30 },
    ];
    expect(glyphPlaces(anchors, { width: 200, height: 200 })).toEqual([
      { at: 0, left: 35, top: 35 },
      { at: 1, left: 135, top: 65 },
    ]);
  });
  it('are all there where room is enough for a row of them', () => {
    const anchors = Array.from({ length: 9 }, () => ({ x: 120, y: 120, width: 30, height: 30 }));
    expect(glyphPlaces(anchors, { width: 250, height: 250 })).toHaveLength(9);
  });
});
