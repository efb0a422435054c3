import { describe, expect, it } from 'vitest';
import { leader, lossOf, meanOf, medianOver, regionEffect, standing, topShare } from '../src/stats/evidence';
import { clearlyFirst } from '../src/stats/intervals';
import { fixed, nameList, reported, reportedShare } from '../src/ground/form';
import * as looks from '../src/words/looks';
import * as why from '../src/words/why';
import { images } from './fixtures';

const ALL = Int32Array.from([0, 1, 2, 3]);
const TOKENS = { prefix: ['cls'], rows: 14, cols: 14, patch: { height: 16, width: 16 }, cls: 0 };
// L2·H0 of ViT-Tiny over 800 photographs: what `vitscope show --json` gives as numbers
const GAZE: looks.Gaze = {
  tokens: TOKENS,
  diagonal: 316.7838379715733,
  mass: [0.33406540324911477, 0.1951537566818297, 0.4694111826007429],
  toCls: 0.0013696335698568872,
  toOther: 0,
  clsToCls: 0.8904450486600399,
  clsToPatches: 0.10955495051806792,
  corners: 0.024,
  border: 0.25,
  neighbour: 0.06,
  stepDown: -0.02,
  stepRight: 0.01,
  fewKeys: 80,
  distance: 40.87765018463135,
  distanceRescaled: 41.2,
  distanceNoSinks: 41.2,
  missing: '',
  entropy: 2.945349035859108,
  nmi: 0.43731810731813314,
  focus: 0.07466749042272568,
};
const NONE: looks.Gaze = {
  ...GAZE,
  mass: [0.1],
  clsToCls: NaN,
  clsToPatches: NaN,
  distance: NaN,
  entropy: NaN,
  nmi: NaN,
  focus: NaN,
  corners: NaN,
  border: NaN,
  fewKeys: NaN,
  neighbour: NaN,
};

describe('numbers', () => {
  // f"{x:.1f}" and the like in Python: ties that binary holds exactly go to the even digit
  it.each([
    [66.5, 0, '66'],
    [67.5, 0, '68'],
    [0.125, 2, '0.12'],
    [0.375, 2, '0.38'],
    [-2.5, 0, '-2'],
    [9.5, 0, '10'],
    [0.30125, 3, '0.301'],
    [0.4375, 3, '0.438'],
    [1.005, 2, '1.00'],
  ])('%d with %d digits is %s', (value, digits, text) => expect(fixed(value, digits)).toBe(text));
  it.each([
    [0.595, '0.595'],
    [115.90089598977767, '116'],
    [12.34, '12.3'],
    [1234.4, '1234'],
    [0.00012345, '0.000123'],
    [3.14e-5, '3.1e-05'],
    [-0.5, '-0.500'],
    [0, '0'],
    [NaN, '–'],
  ])('%d is reported as %s', (value, text) => expect(reported(value)).toBe(text));
  it.each([
    [0.665, '66 %'],
    [0.0995, '10 %'],
    [0.0694, '6.9 %'],
    [0.0005, '< 0.1 %'],
    [0, '0 %'],
    [NaN, '–'],
  ])('%d as a share is %s', (share, text) => expect(reportedShare(share)).toBe(text));
  it('are listed in words', () =>
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(nameList)).toEqual(['', 'a', 'a and b', 'a, b and c']));
});

describe('clauses', () => {
  it('are the report’s, word for word', () => {
    expect(looks.patchesClause(GAZE)).toBe(
      'its patches attend with 47 % to patches further away, 33 % to themselves and 20 % to their neighbours (1 hop)',
    );
    expect(looks.clsClause(GAZE)).toBe('its CLS attends with 11 % to patches and 89 % to itself');
    expect(looks.keysClause(GAZE, [])).toBe('');
    expect(looks.directionClause(GAZE)).toBe('');
    expect(looks.distanceClause(GAZE)).toBe(
      'mean distance 40.9 px (13 % of the diagonal), 41.2 px over patches alone, 41.2 px without sinks (uniform ' +
        'attention 116 px), with 53 % within 1 hop, 12.8 times uniform',
    );
    expect(looks.shapeClause(GAZE)).toBe(
      'broad (entropy 2.95 of at most 5.28 nats), each query has its own map (nmi 0.44) and CLS focus 0.07',
    );
    expect(
      why.throughClause([
        { mode: 'pp', mean: 0.6, whole: 0.6, n: 100 },
        { mode: 'cc', mean: 0, whole: 0.6, n: 100 },
      ]),
    ).toBe('it acts through patches attending to patches (pp): pruning that alone has 100 % of the effect, n = 100');
    const lost = {
      n: 800,
      probDrop: 0.5047767568916544,
      flip: 0.665,
      labelled: 800,
      accuracy: 0.83,
      accuracyLow: 0.30125,
      accuracyHigh: 0.4375,
    };
    const stands = {
      metric: 'jsd',
      rank: 1,
      top: true,
      clear: true,
      flat: false,
      mean: 0.595,
      n: 800,
      leads: 0.82,
      consistency: 0.508,
    };
    expect(why.pruningClause(stands, lost)).toBe(
      "pruning it lowers the target's probability by 0.505, changes 66 % of 800 predictions and takes accuracy " +
        'from 0.830 to between 0.301 and 0.438 (800 labelled images)',
    );
    expect(why.claim('L2·H0', stands)).toBe('L2·H0 is the most important head by jsd');
    expect(why.standingWords(stands)).toBe('0.595 bits, n = 800; first in 82 % of the images, consistency 0.51');
  });
  it('are left out where there are no numbers', () => {
    for (const clause of [
      looks.clsClause(NONE),
      looks.keysClause(NONE, []),
      looks.directionClause(NONE),
      looks.distanceClause(NONE),
      looks.shapeClause(NONE),
    ])
      expect(clause).toBe('');
    expect(looks.patchesClause({ ...NONE, mass: [0.01] })).toBe('');
    expect(why.throughClause([])).toBe('');
    expect(why.throughClause([{ mode: 'pp', mean: 0, whole: 0, n: 3 }])).toBe('');
  });
  it('name the other prefix tokens, and CLS only where there is one', () => {
    const shares = { mass: [0.1], toCls: 0.5, toOther: 0.4 };
    const tokens = { ...TOKENS, prefix: ['cls', 'reg1'] };
    expect(looks.patchesClause({ ...GAZE, ...shares, tokens })).toBe(
      'its patches attend with 50 % to CLS, 40 % to the other prefix tokens and 10 % to themselves',
    );
    expect(looks.patchesClause({ ...GAZE, ...shares, tokens: { ...TOKENS, prefix: [], cls: null } })).toBe(
      'its patches attend with 10 % to themselves',
    );
  });
  it('say when a region carries little, and what stays unknown', () => {
    expect(why.throughClause([{ mode: 'cp+pc', mean: 0.2, whole: 0.5, n: 4 }])).toContain(
      'no region carries it alone, most does CLS and patches attending to each other (cp+pc)',
    );
    const stands = {
      metric: 'out_cos',
      rank: 2,
      top: false,
      clear: false,
      flat: false,
      mean: 0.01234,
      n: 1,
      leads: 0,
      consistency: NaN,
    };
    expect(why.claim('L0·H1', stands)).toBe('L0·H1 is number 2 by out_cos');
    expect(why.claim('L0·H1', { ...stands, top: true })).toBe('L0·H1 is first, though not clearly, by out_cos');
    expect(why.standingWords(stands)).toBe('0.0123 cosine distance, n = 1; first in 0 % of the images');
    const none = { n: 0, probDrop: NaN, flip: NaN, labelled: 0, accuracy: NaN, accuracyLow: NaN, accuracyHigh: NaN };
    expect(why.pruningClause(stands, none)).toBe(
      'pruning it moves out_cos by 0.0123 cosine distance (there are no classes, so no answers to count)',
    );
    expect(why.pruningClause(stands, { ...none, n: 4, flip: 0.5, probDrop: -0.1 })).toBe(
      "pruning it raises the target's probability by 0.100, changes 50 % of 4 predictions",
    );
  });
  it('name few keys with their numbers, and deny nothing', () => {
    const corners = { ...GAZE, corners: 0.76, border: 0.8, fewKeys: 3 };
    const at = [1, 14, 183, 196].map((token) => ({ token, share: 0.19 }));
    expect(looks.keysClause(corners, at)).toBe(
      "the 4 corner patches take 76 % of the patches' attention (uniform would be 2.0 %), half of the patches' " +
        'attention is on 3 keys of 197 in the median image',
    );
    expect(looks.keysClause(GAZE, [{ token: 0, share: 0.4 }])).toBe(
      "CLS is a sink over all images: 40 % of the patches' attention, 78.8 times uniform",
    );
    expect(looks.keysClause(GAZE, [{ token: 46, share: 0.16 }])).toBe(
      "patch 3,3 is a sink over all images: 16 % of the patches' attention, 31.5 times uniform",
    );
    const five = [40, 50, 60, 70, 80].map((token) => ({ token, share: 0.1 }));
    expect(looks.keysClause(GAZE, five)).toBe(
      "patch 2,11 (10 %), patch 3,7 (10 %), patch 4,3 (10 %) and 2 more are sinks over all images: together 50 % of the patches' attention",
    );
    expect(looks.keysClause({ ...GAZE, border: 0.84 }, [])).toBe(
      "the 52 border patches take 84 % of the patches' attention (uniform would be 26 %)",
    );
    expect(looks.keysClause({ ...GAZE, border: 0.6 }, [])).toBe(
      "the 52 border patches take 60 % of the patches' attention (uniform would be 26 %)",
    );
    expect(looks.keysClause({ ...GAZE, border: 0.5 }, [])).toBe('');
  });
  it('take medians over images with infinite values', () => {
    expect(medianOver(Float32Array.from([1, Infinity, Infinity, NaN]), 1, ALL, 0)).toBe(Infinity);
    expect(medianOver(Float32Array.from([1, 4, 2, 9]), 1, ALL, 0)).toBe(3);
  });
  it('name a direction where there is one', () => {
    expect(looks.directionClause({ ...GAZE, neighbour: 0.63, stepRight: -1.01 })).toBe(
      "each patch attends to the patch on its left: 63 % of the patches' attention",
    );
    expect(looks.directionClause({ ...GAZE, neighbour: 0.58, stepRight: -0.9, stepDown: 0.9 })).toContain(
      'the patch below it and on its left',
    );
    expect(looks.directionClause({ ...GAZE, neighbour: 0.45, stepRight: 0.01 })).toBe('');
    expect(looks.directionClause({ ...GAZE, neighbour: 0.19, stepRight: 1 })).toBe('');
  });
  it('say what a run did not measure', () => {
    const old = {
      ...GAZE,
      distanceRescaled: NaN,
      distanceNoSinks: NaN,
      missing: 'this run was made by vitscope 0.1.0, which did not measure it',
    };
    expect(looks.distanceClause(old)).toContain(
      '(uniform attention 116 px; whether sinks make it long is not known: this run was made by',
    );
  });
  it('print their numbers bold', () => {
    const bold = why
      .emphasised(looks.distanceClause(GAZE))
      .filter((part) => part.bold)
      .map((part) => part.text);
    expect(bold).toEqual(['40.9 px', '13 %', '41.2 px', '41.2 px', '116 px', '53 %', '12.8 times']);
    expect(
      why
        .emphasised('a 0.505, b')
        .map(({ text }) => text)
        .join(''),
    ).toBe('a 0.505, b');
  });
});

describe('evidence', () => {
  // [image][head]: the second head leads three images, ties one
  const values = Float32Array.from([1, 2, NaN, 1, 3, NaN, 2, 2, NaN, 0, 0, NaN]);

  it('counts the images a head leads: ties for each, images all 0 for none', () => {
    expect(topShare(values, 3, ALL, 0)).toBe(0.25);
    expect(topShare(values, 3, ALL, 1)).toBe(0.75);
    expect(topShare(Float32Array.from([NaN]), 1, Int32Array.from([0]), 0)).toBeNaN();
  });
  it('is clear about the first only where the images agree', () => {
    const clear = Float32Array.from([1, 2, 1, 2.1, 1, 1.9, 1, 2]);
    expect(clearlyFirst(clear, 2, ALL, 1)).toBe(true);
    expect(clearlyFirst(clear, 2, Int32Array.from([0]), 1)).toBe(false);
    expect(clearlyFirst(Float32Array.from([1, 2, 2, 1, 1, 2, 1, 1]), 2, ALL, 1)).toBe(false);
  });
  it('gives a head its standing in the scope', () => {
    const rows = Int32Array.from([0, 1]);
    const first = leader(values, 3, rows);
    expect([first.index, first.clear, [...first.means]]).toEqual([1, true, [1, 2.5, NaN]]);
    expect(leader(values, 3, Int32Array.of()).index).toBe(-1);
    const stands = standing(values, 3, rows, 0, 'jsd', first)!;
    expect(standing(values, 3, rows, 2, 'jsd', first)).toBeNull();
    expect(meanOf(values, 3, ALL, 1)).toBe(1.75);
    expect(meanOf(values, 3, ALL, 2)).toBeNaN();
    expect([stands.rank, stands.top, stands.mean, stands.n, stands.leads]).toEqual([2, false, 1, 2, 0]);
  });
  it('compares a part with the whole on the same images', () => {
    const part = Float32Array.from([NaN, 1, NaN, NaN, 1.5, NaN, NaN, NaN, NaN, NaN, NaN, NaN]);
    expect(regionEffect('pp', part, values, 3, ALL, 1)).toEqual({ mode: 'pp', mean: 1.25, whole: 2.5, n: 2 });
    expect(regionEffect('pp', part, values, 3, ALL, 0)).toBeNull();
  });
  it('bounds the accuracy after pruning', () => {
    // labels 0 1 1 2, predictions 0 2 0 2: right, wrong, wrong, right
    const flip = Float32Array.from([1, 1, 0, 0]);
    const drop = Float32Array.from([0.4, -0.2, 0, 0]);
    const lost = lossOf(drop, flip, images(), 1, ALL, 0);
    expect(lost).toMatchObject({ n: 4, flip: 0.5, labelled: 4, accuracy: 0.5, accuracyLow: 0.25, accuracyHigh: 0.5 });
    expect(lost.probDrop).toBeCloseTo(0.05, 7);
    expect(lossOf(null, null, images(), 1, ALL, 0).flip).toBeNaN();
    expect(lossOf(drop, flip, images({ label: [-1, -1, -1, -1] }), 1, ALL, 0)).toMatchObject({ n: 4, labelled: 0 });
  });
});
