import { describe, expect, it } from 'vitest';
import { bands, countBetween, layerSummary, layerTotals, outsideMiddle, swarm } from '../src/stats/bands';
import { classMeans, seriate } from '../src/stats/class_table';
import { axisTicks, place, scaleFor, ticks, valueAt } from '../src/plot/colour';
import { quantile, summarise } from '../src/stats/kernels';
import { hiddenQuadrant } from '../src/stats/quadrant';
import { labelPlaces } from '../src/plot/marks/label_places';
import { nextAvailable, regionsOf, toggledMode } from '../src/ground/regions';
import { stripAt, stripPlaces } from '../src/plot/marks/strips';
import type { ModeInfo } from '../src/io/wire';
import { WHOLE } from './fixtures';

const rowsTo = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

describe('bands', () => {
  // [image][head]: head 1 has gaps, head 2 nothing
  const n = 41;
  const values = Float32Array.from({ length: 3 * n }, (_, i) => {
    const [image, head] = [Math.floor(i / 3), i % 3];
    return head === 0 ? (image * 7) % n : head === 1 && image % 2 === 0 ? image : NaN;
  });
  const found = bands(values, 3, rowsTo(n));

  it('are the quantiles of what there is', () => {
    const sorted = Array.from({ length: n }, (_, i) => i);
    expect([...found.n]).toEqual([41, 21, 0]);
    for (const [name, share] of [
      ['low', 0.05],
      ['q1', 0.25],
      ['median', 0.5],
      ['q3', 0.75],
      ['high', 0.95],
      ['least', 0],
      ['most', 1],
    ] as const) {
      expect(found[name][0]).toBe(quantile(sorted, share));
      expect(found[name][1]).toBeCloseTo(
        quantile(
          sorted.filter((value) => value % 2 === 0),
          share,
        ),
        5,
      );
      expect(found[name][2]).toBeNaN();
    }
  });
  it('agree with the summary and keep to the scope', () => {
    const rows = Int32Array.from([1, 4, 9, 30]);
    const [part, summary] = [bands(values, 3, rows), summarise(values, 3, rows)];
    expect([part.q1[0], part.median[0], part.q3[0]]).toEqual([summary.q1[0], summary.median[0], summary.q3[0]]);
  });
  it('count the images in a range, ends included', () => {
    expect(countBetween(values, 3, 1, rowsTo(n), 4, 10)).toBe(4);
    expect(countBetween(values, 3, 2, rowsTo(n), -Infinity, Infinity)).toBe(0);
  });
});

describe('an image against the others', () => {
  it('stands out where it leaves the middle half', () => {
    const [q1, q3] = [Float64Array.from([1, 1, 1, NaN]), Float64Array.from([3, 3, 3, NaN])];
    const own = [0.9, 3, NaN, 5];
    expect([...outsideMiddle((head) => own[head]!, q1, q3)]).toEqual([0]);
  });
});

describe('layer totals', () => {
  it('sum the heads a layer has, and only where all are known', () => {
    const values = Float32Array.from([1, 2, NaN, 3, 4, 5, 1, 1, NaN, NaN, 4, 5]); // 2 images, 2 layers of 2 and 3 heads
    expect([...layerTotals(values, [2, 3], 3)]).toEqual([3, 12, 2, NaN]);
    const [first, both] = [[0], [0, 1]].map((rows) => layerSummary(values, 6, Int32Array.from(rows), [2, 3]));
    expect([...first!.mean, ...first!.n]).toEqual([3, 12, 1, 1]);
    expect([...both!.mean, ...both!.n]).toEqual([2.5, 12, 2, 1]);
  });
});

describe('swarm', () => {
  it('is narrow where there is one value and stays within its width', () => {
    const places = swarm(Float64Array.from([0.1, 0.9, 0.9, 0.9, NaN]));
    expect(places[0]).toBeCloseTo(0);
    expect(Math.max(...places.slice(0, 4).map(Math.abs))).toBeLessThanOrEqual(1);
    expect(new Set(places.slice(1, 4)).size).toBe(3);
    expect(places[4]).toBeNaN();
  });
});

describe('scales', () => {
  it('by rank: even steps, ties in the middle, 0 neutral where signed', () => {
    const scale = scaleFor([5, 1, 100, 1, NaN], false, 'rank');
    expect([1, 5, 100].map((value) => place(scale, value))).toEqual([1 / 6, 2 / 3, 1]);
    expect(ticks(scale)).toEqual([1, 3, 100]);
    const signed = scaleFor([-2, 1, 4], true, 'rank');
    expect([-2, 0, 1, 4].map((value) => place(signed, value))).toEqual([0.25, 0.5, 0.5, 1]);
  });
  it.each(['linear', 'log', 'rank'] as const)('%s: the value at a place is the inverse', (kind) => {
    for (const signed of [false, true]) {
      const scale = scaleFor([0, 0.01, 0.2, 0.5, 2], signed, kind);
      for (const value of [0, 0.01, 0.2, 0.5, 2]) expect(valueAt(scale, place(scale, value))).toBeCloseTo(value, 9);
    }
  });
  it('mark axes by round values', () => {
    expect(axisTicks(scaleFor([0.52], false, 'log'))).toEqual([0, 0.01, 0.1]);
    expect(axisTicks(scaleFor([0.04], true, 'linear'))).toEqual([-0.04, -0.02, 0, 0.02, 0.04]);
  });
});

describe('the hidden quadrant', () => {
  // src/vitscope/analysis/findings.py hidden_heads: 8 heads, top ceil(8 / 4) by layer, output rank > 4
  const output = Float64Array.from([8, 7, 6, 5, 4, 3, 2, 1]);
  it('is the bottom half by output and the top quarter by layer', () => {
    const found = hiddenQuadrant(output, Float64Array.from([0, 9, 0, 0, 1, 0, 2, 8]));
    expect(found.heads).toEqual([7]);
    expect([found.outputLine, found.layerLine]).toEqual([4.5, 5]);
    expect(hiddenQuadrant(output, Float64Array.from([0, 1, 0, 0, 9, 0, 8, 3])).heads).toEqual([4, 6]);
  });
  it('gives equal outputs the better rank and leaves out heads without a value', () => {
    const flat = Float64Array.from([1, 1, 1, 1]);
    expect(hiddenQuadrant(flat, Float64Array.from([1, 2, 3, 4])).heads).toEqual([]);
    expect(hiddenQuadrant(Float64Array.from([3, 2, NaN, 1]), Float64Array.from([0, 1, 9, 8])).heads).toEqual([]);
    expect(hiddenQuadrant(new Float64Array(0), new Float64Array(0)).outputLine).toBeNaN();
  });
});

describe('labels of points', () => {
  it('never cover each other or leave the box', () => {
    const points = Array.from({ length: 30 }, (_, i) => ({
      x: 20 + (i % 6) * 12,
      y: 20 + Math.floor(i / 6) * 9,
      width: 36,
    }));
    const places = labelPlaces(points, { width: 160, height: 90 }).flatMap((at) => (at ? [at] : []));
    expect(places.length).toBeGreaterThan(0);
    places.forEach(([left, base], i) => {
      expect(left >= 0 && left + 36 <= 160 && base <= 90).toBe(true);
      for (const [other, otherBase] of places.slice(i + 1))
        expect(Math.abs(left - other) >= 36 || Math.abs(base - otherBase) >= 12).toBe(true);
    });
  });
});

describe('class x head', () => {
  const values = Float32Array.from([1, 10, 3, NaN, 5, 30, 7, 70, NaN, NaN]);
  it('means over the images of each class, most images first', () => {
    const found = classMeans(values, 2, rowsTo(5), [4, 4, 2, -1, 9]);
    expect(found.map(({ target, n, means }) => [target, n, ...means])).toEqual([
      [4, 2, 2, 10],
      [2, 1, 5, 30],
    ]);
  });
  it('puts like beside like, the larger first, whatever the order given', () => {
    const ramp = (level: number): Float64Array => Float64Array.from([level, level * 2, 1]);
    const order = [3, 1, 5, 2, 4].map(ramp);
    expect(seriate(order).map((at) => order[at]![0])).toEqual([5, 4, 3, 2, 1]);
    expect(seriate([Float64Array.from([NaN, 1]), Float64Array.from([NaN, 2])])).toEqual([1, 0]);
    expect(seriate([])).toEqual([]);
  });
});

describe('regions of the matrix', () => {
  const mode = (name: string, available = true): ModeInfo => ({
    ...WHOLE,
    name,
    label: name,
    regions: name.split('+'),
    available,
    reason: 'why',
  });
  const modes = [
    WHOLE,
    mode('cc'),
    mode('cp+pc'),
    mode('pp'),
    mode('cc+cp+pc'),
    mode('cc+pp', false),
    mode('cp+pc+pp'),
  ];
  const [corner, cross, patches] = regionsOf(modes, true) as [never, never, never];

  it('go in and out one by one', () => {
    expect(toggledMode(modes, WHOLE, patches).mode?.name).toBe('cc+cp+pc');
    expect(toggledMode(modes, modes[6]!, corner).mode?.name).toBe('head');
    expect(toggledMode(modes, modes[1]!, cross).mode?.name).toBe('cc+cp+pc');
  });
  it('say why they cannot', () => {
    expect(toggledMode(modes, modes[3]!, patches)).toEqual({ mode: null, reason: 'At least one region stays pruned.' });
    expect(toggledMode(modes, modes[1]!, patches)).toEqual({ mode: null, reason: 'cc+pp: why' });
    expect(toggledMode(modes.slice(0, 2), WHOLE, corner).reason).toContain('cp+pc+pp');
  });
  it('are apart where the run has them apart, and one without CLS', () => {
    expect(regionsOf([...modes, mode('cp')], true)).toHaveLength(4);
    expect(regionsOf([WHOLE, mode('pp')], false)).toHaveLength(1);
  });
  it('the next one skips what is not available and begins anew', () => {
    expect(nextAvailable(modes, 'cc+cp+pc')?.name).toBe('cp+pc+pp');
    expect(nextAvailable(modes, 'cp+pc+pp')?.name).toBe('head');
    expect(nextAvailable([WHOLE], 'head')).toBeNull();
  });
});

describe('strips', () => {
  it('fill the width, layer by layer, and are found again', () => {
    const places = stripPlaces([2, 3], 3, 10, 110);
    expect(places.layers[0]![0]).toBe(10);
    expect(places.layers[1]![1]).toBeCloseTo(110, 9);
    expect(places.left[2]).toBeNaN();
    for (const index of [0, 1, 3, 4, 5]) expect(stripAt(places, places.left[index]! + places.width / 2)).toBe(index);
    expect(stripAt(places, 500)).toBe(5);
  });
});
