import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { spaced } from '../src/plot/axes';
import { colourOf, INK_NAMES } from '../src/plot/inks';
import { circle, group, path, rect, text, type Scene } from '../src/plot/scene';
import { toSvg } from '../src/plot/svg';
import { scene as valuesOver } from '../src/views/explore/inspector/histogram_scene';
import { scene as scatter } from '../src/views/explore/importance/scatter_scene';
import { scene as curves } from '../src/views/explore/strength/curves_scene';
import { scene as distance } from '../src/views/explore/strength/distance_scene';
import { scene as shares } from '../src/views/explore/strength/shares_scene';
import { scene as trend } from '../src/views/explore/strength/trend_scene';
import { scene as coverage, pointsOf } from '../src/views/heads/focus_scene';
import { scene as depth } from '../src/views/heads/depth_scene';
import { scene as spread } from '../src/views/image/spread/spread_scene';
import { scene as diversity } from '../src/views/heads/diversity_scene';
import { scene as sizes } from '../src/views/heads/resolution/sizes_scene';
import { scaleFor } from '../src/plot/colour';
import { histogram } from '../src/stats/histogram';
import type { Marked } from '../src/views/parts/marks/marked';
import { marksOf, parsed, wordsOf } from './drawing';

const SIZE = { width: 400, height: 300 };
const MARKED: Marked[] = [
  { index: 1, name: 'L0·H1', colour: '#0062b4', paint: { head: 0 }, dash: '', focus: true, inSet: true },
  { index: 2, name: 'L1·H0', colour: '#e34c00', paint: { head: 1 }, dash: '8 3', focus: false, inSet: true },
];
const HALF = { q1: 0.1, median: 0.2, q3: 0.3, mean: 0.25 };

describe('the colours of drawings', () => {
  it('are those of the page', () => {
    const css = readFileSync(new URL('../src/app/style.css', import.meta.url), 'utf8');
    const [light, dark] = css.split("[data-theme='dark']") as [string, string];
    const said = (part: string, name: string): string | undefined => RegExp(`--${name}: ([^;]+);`).exec(part)?.[1];
    for (const name of INK_NAMES) {
      expect([name, colourOf(name, 'light')]).toEqual([name, said(light, name)]);
      expect([name, colourOf(name, 'dark')]).toEqual([name, said(dark, name)]);
    }
  });
});

describe('labels', () => {
  it('are moved apart as little as needed and stay inside', () => {
    expect(spaced([10, 11, 50], 10, 0, 100)).toEqual([10, 20, 50]);
    expect(spaced([98, 99], 10, 0, 100)).toEqual([90, 100]);
    expect(spaced([20, 20], 10, 0, 100)).toEqual([20, 30]);
  });
});

describe('a file', () => {
  const planted: Scene = {
    width: 80,
    height: 40,
    title: 'A & <b>',
    marks: [
      group('a "group"', [text(1, 2, '</text><script>&amp;\0\ud800 <', { upright: true, rim: true })]),
      path('M0 0L1 1', { stroke: { head: 0 }, dash: '1 2', round: true, data: { line: '"><x' } }),
      rect([5, 1], [9, 2], { fill: { place: 1, signed: false }, fillOpacity: 0.5 }),
      circle(1, 2, 3, { fill: 'none', stroke: 'ink', title: 'a < b' }),
    ],
  };
  it('is well-formed, and words of the data are words', () => {
    const { tags, ids, words } = parsed(toSvg(planted));
    expect(tags).toEqual(['svg', 'title', 'rect', 'g', 'text', 'path', 'rect', 'circle', 'title']);
    expect(words).toEqual(['A & <b>', '</text><script>&amp; <', 'a < b']);
    expect(ids).toEqual(['a "group"']);
  });
  it('stands alone: colours of its theme, a font, a size, nothing from elsewhere', () => {
    for (const theme of ['light', 'dark'] as const) {
      const svg = toSvg(planted, theme);
      expect(svg).toContain(`fill="${colourOf('panel', theme)}"`);
      expect(svg).toContain(`stroke="${colourOf({ head: 0 }, theme)}"`);
      expect(svg).toContain('viewBox="-8 -8 96 56"');
      expect(svg).toMatch(/font-family="[^"]+sans-serif" font-size="11"/);
      expect(svg).not.toMatch(/var\(|url\(|href/);
    }
  });
});

describe('diversity', () => {
  const summary = {
    mean: Float64Array.of(0.2, 0.4, NaN),
    q1: Float64Array.of(0.1, 0.3, NaN),
    q3: Float64Array.of(0.3, 0.5, NaN),
    n: Int32Array.of(7, 8, 0),
  };
  const drawn = diversity({
    ...SIZE,
    summary,
    meaning: 'mean JSD of their maps, bits',
    focus: 1,
    chosen: new Set([0]),
  });
  it('has a dot a known layer, larger at the focus', () => {
    const dots = marksOf(drawn, 'mean').filter((mark) => mark.kind === 'circle');
    expect(dots.map(({ data, r, fill }) => [data!.layer, data!.mean, r, fill])).toEqual([
      [0, 0.2, 3.6, 'ink'],
      [1, 0.4, 5, 'accent'],
    ]);
    expect(dots[0]!.y).toBeGreaterThan(dots[1]!.y);
  });
  it('names the quantity, the layers and the band in its file', () => {
    const { words } = parsed(toSvg(drawn));
    expect(words).toEqual(expect.arrayContaining(['mean JSD', 'L0', 'L2', '0.4']));
    expect(words.join()).toContain('n = 8 images');
  });
});

describe('effects over depth', () => {
  const value = (index: number, observed: number): number =>
    observed < Math.floor(index / 2) || (index === 1 && observed > 1) ? NaN : 10 ** -(index + observed);
  const drawn = depth({
    ...SIZE,
    layers: 3,
    heads: [0, 1, 2],
    layerOf: (index) => Math.floor(index / 2),
    value,
    marked: MARKED,
    ratio: false,
    what: 'CLS',
    n: 24,
  });
  it('start at the pruned layer and end where they are known', () => {
    const [focus, other] = marksOf(drawn, 'head set').filter((mark) => mark.kind === 'path');
    expect([focus!.data, other!.data]).toEqual([{ curve: 'L0·H1' }, { curve: 'L1·H0' }]);
    expect([focus, other].map((line) => line!.d.match(/[ML]/g)!.join(''))).toEqual(['ML', 'ML']);
    expect(other!.dash).toBe('8 3');
    expect(wordsOf(drawn, 'names')).toEqual(['L0·H1', 'L1·H0']);
  });
  it('say what they are, on what and of how many', () => {
    const { words } = parsed(toSvg(drawn));
    expect(words).toContain('cosine distance of CLS from the intact ones (log)');
    expect(words).toContain('observed after layer · all images, n = 24');
  });
});

describe('attention strength', () => {
  const means = Float64Array.of(0.1, 0.2, 0.3, 0.2, NaN, NaN, 0.4, 0.1);
  const heads = [0, 1, 3];
  const marked = MARKED.slice(0, 1);
  it('over hops has a line a head, in one path, and names at the ends of those that are told apart', () => {
    const drawn = curves({
      ...SIZE,
      beside: 70,
      kind: 'mass',
      hops: 2,
      means,
      bands: [HALF, HALF],
      uniform: [0.25, 0.25],
      heads,
      marked,
      unnamed: [3],
      own: { image: 5, value: () => 0.15 },
      n: 12,
    });
    const [all, unnamed] = marksOf(drawn, 'heads').filter((mark) => mark.kind === 'path');
    expect([all!.d.split('M').length - 1, unnamed!.d.split('M').length - 1]).toEqual([3, 1]);
    expect(wordsOf(drawn, 'names')).toEqual(['L0·H1', '#5', 'median', 'uniform']);
    const { words } = parsed(toSvg(drawn));
    expect(words).toEqual(
      expect.arrayContaining([
        'share of a patch’s attention on ring k',
        '10 %',
        'k, hops from the query patch · n = 12',
      ]),
    );
  });
  it('of one hop over layers has a dot a head, beside each other within a layer', () => {
    const values = [0.1, 0.1, 0.3, NaN];
    const drawn = trend({
      ...SIZE,
      hop: 1,
      kind: 'mass',
      values,
      nHeads: [2, 1],
      across: 2,
      bands: [HALF, HALF],
      uniform: 0.2,
      heads: [0, 1, 2],
      marked: MARKED,
      unnamed: [],
      own: null,
    });
    const dots = marksOf(drawn, 'head set').filter((mark) => mark.kind === 'circle');
    expect(dots.map(({ data, r }) => [data!.dot, r])).toEqual([
      ['L0·H1', 5],
      ['L1·H0', 4],
    ]);
    const [first] = marksOf(drawn, 'heads').filter((mark) => mark.kind === 'path');
    const places = [...first!.d.matchAll(/M([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(places).toHaveLength(3);
    expect(places[0]![0]).toBeLessThan(places[1]![0]!);
    expect(places[0]![1]).toBe(places[1]![1]);
    expect(parsed(toSvg(drawn)).words).toContain('share of a patch’s attention on ring k = 1');
  });
  it('as distance has pixels at the left and parts of the diagonal at the right', () => {
    const drawn = distance({
      width: 130,
      height: 300,
      values: [40, 80, 20, NaN],
      noSinks: true,
      layers: 2,
      across: 2,
      bands: [HALF, HALF],
      uniform: 60,
      diagonal: 200,
      heads: [0, 1, 2],
      marked,
      unnamed: [],
    });
    expect(wordsOf(drawn, 'value axis')).toContain('80');
    expect(wordsOf(drawn, 'share axis')).toContain('40 %');
    const { words } = parsed(toSvg(drawn));
    expect(words).toEqual(expect.arrayContaining(['without sinks, px', 'right: % of diag.', 'L0', 'L1']));
    expect(words.join()).toContain('uniform attention: 60.0 px, 30.0 % of the diagonal');
  });
  it('to CLS and to itself is a bar a head from 0 to 100 %', () => {
    const drawn = shares({
      marked: MARKED,
      groups: [{ label: 'self', words: 'to itself', shares: [0.5, NaN] }],
      width: 36,
      height: 120,
      top: 20,
      bottom: 100,
    });
    const bars = marksOf(drawn, 'self').filter((mark) => mark.kind === 'rect');
    expect(bars.map(({ y, height, data }) => [y, height, data!.share])).toEqual([[60, 40, 'self L0·H1']]);
    expect(parsed(toSvg(drawn)).words).toEqual(expect.arrayContaining(['100 %', 'self']));
  });
});

describe('the spread of an image', () => {
  const column = { low: 1, q1: 2, median: 3, q3: 4, high: 5, n: 9 };
  const drawn = spread({
    ...SIZE,
    quartiles: [column, column, column],
    line: Float32Array.of(2, NaN, 2.5),
    levels: [4, null, 1],
    dots: [{ layer: 0, value: 4.5, focus: true }],
    low: 0,
    high: 5,
    unit: 'nats',
    formula: '− Σ a log a',
    focus: 0,
  });
  it('has bands, the levels of the image, a point a known layer and the mean beside them', () => {
    expect(marksOf(drawn, 'quartiles')).toHaveLength(4);
    expect(marksOf(drawn, 'levels').flatMap(({ data }) => data?.level ?? [])).toEqual([4, 1]);
    expect(marksOf(drawn, 'image').filter(({ kind }) => kind === 'circle')).toHaveLength(2);
    expect(wordsOf(drawn, 'step axis')).toEqual(['L0', 'L1', 'mean']);
    expect(parsed(toSvg(drawn)).words).toEqual(expect.arrayContaining(['nats', '5', '− Σ a log a']));
  });
});

describe('values over images', () => {
  const drawn = (own: number): Scene =>
    valuesOver({
      width: 288,
      found: histogram([0, 0, 1, 3], 4)!,
      unit: 'bits',
      centre: 1,
      statistic: 'mean',
      own,
      image: 7,
    });
  it('have a bar a bin that is not empty, and the focus image where it is', () => {
    const [bars] = marksOf(drawn(3), 'images').filter((mark) => mark.kind === 'path');
    expect([...bars!.d.matchAll(/v-([\d.]+)/g)].map(([, height]) => height)).toEqual(['46.0', '23.0', '23.0']);
    expect(wordsOf(drawn(3))).toEqual(['0', '│ mean\u2002▼ #7\u2002· n = 4', '3.00 bits']);
    expect(wordsOf(drawn(NaN))[1]).toBe('│ mean\u2002· n = 4');
    expect(marksOf(drawn(NaN))).toHaveLength(marksOf(drawn(3)).length - 1);
    expect(parsed(toSvg(drawn(3))).words).toContain('3.00 bits');
  });
});

describe('quantities over input sizes', () => {
  const estimate = (value: number, low = NaN, high = NaN): { value: number; low: number; high: number } => ({
    value,
    low,
    high,
  });
  const drawn = sizes({
    width: 400,
    rowHeight: 80,
    sizes: [
      { name: '28', tokens: 50, interpolated: false },
      { name: '56', tokens: 197, interpolated: true },
    ],
    rows: [
      {
        title: 'answer',
        most: 1,
        format: String,
        lines: [{ name: 'accuracy', paint: 'accent', dash: '', points: [estimate(0.5, 0.4, 0.6), estimate(NaN)] }],
      },
      {
        title: 'entropy, nats',
        format: String,
        lines: [{ name: 'all heads', paint: 'muted', dash: '4 3', points: [estimate(1), estimate(2)] }],
      },
    ],
  });
  it('have a row each, with intervals where they are known, and the sizes below', () => {
    const dots = (name: string): number => marksOf(drawn, name).filter(({ kind }) => kind === 'circle').length;
    expect([dots('answer'), dots('entropy, nats')]).toEqual([1, 2]);
    expect(wordsOf(drawn, 'size axis')).toEqual(['px', 'tokens', '28', '50', '56', '197*']);
    expect(drawn.height).toBe(190);
    expect(parsed(toSvg(drawn)).words).toEqual(expect.arrayContaining(['entropy, nats', 'accuracy', 'px']));
  });
});

describe('heads by two measures', () => {
  const head = (at: number): { layer: number; head: number } => ({ layer: at >> 1, head: at & 1 });
  const places = new Map([[2, 0]]);
  it('are points, those of the set in their colours, with the quadrant of the hidden ones', () => {
    const [xs, ys] = [
      [0.1, 0.2, 0.3, NaN],
      [0.3, 0.2, 0.1, 0.4],
    ];
    const drawn = scatter({
      ...SIZE,
      xs,
      ys,
      x: scaleFor(xs, false, 'linear'),
      y: scaleFor(ys, false, 'linear'),
      across: 'JSD, mean (bits), n = 9',
      up: 'change of the layer, mean',
      quadrant: { heads: [0], outputLine: 0.15, layerLine: 0.25, expected: 1, p: 1 },
      head,
      focus: 1,
      places,
      named: [1, 2],
    });
    const points = marksOf(drawn, 'heads');
    expect(points.map(({ data, fill, stroke }) => [data!.scatter, fill, stroke])).toEqual([
      ['0.0', 'accent', 'panel'],
      ['0.1', 'line-strong', 'ink'],
      ['1.0', { head: 0 }, 'panel'],
    ]);
    expect(wordsOf(drawn, 'names')).toEqual(['L0·H1', 'L1·H0']);
    expect(parsed(toSvg(drawn)).words).toEqual(
      expect.arrayContaining(['JSD, mean (bits), n = 9 →', 'change of the layer, mean →']),
    );
  });
  it('by focus and coverage are the larger the more important, the largest below', () => {
    const props = {
      ...SIZE,
      focus: [0.1, 0.5, 0.3, NaN],
      coverage: [0.4, 0.1, 0.2, 0.3],
      importance: [0.25, -1, NaN, 1],
      size: 'drop of probability, mean',
      sized: (value: number) => `${value} pp`,
      n: 9,
      head,
      focusHead: 0,
      places,
      named: [0],
    };
    const found = pointsOf(props).map(({ at, r }) => [at, r]);
    expect(found).toEqual([
      [1, 11],
      [0, 6.75],
      [2, 2.5],
    ]);
    const points = marksOf(coverage(props), 'heads');
    expect(points.map(({ data }) => [data!.head, data!.focus, data!.coverage])).toEqual([
      ['0.1', 0.5, 0.1],
      ['0.0', 0.1, 0.4],
      ['1.0', 0.3, 0.2],
    ]);
    const key = marksOf(coverage(props), 'legend');
    expect(key.flatMap((mark) => (mark.kind === 'circle' ? [mark.r] : []))).toEqual([2.5, 11]);
    expect(wordsOf(coverage(props), 'legend')).toEqual(['size: drop of probability, mean', '0', '1 pp']);
    const { words } = parsed(toSvg(coverage(props)));
    expect(words[0]).toContain('n = 9 images');
    expect(words).toEqual(expect.arrayContaining(['focus of CLS, mean →', 'coverage, share of patches →', '40 %']));
  });
});
