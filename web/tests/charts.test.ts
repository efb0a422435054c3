// Charts of heat maps and of many points: what a file of each holds. The screen's canvases draw the same marks.
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scaleFor } from '../src/plot/colour';
import { colourOf } from '../src/plot/inks';
import { colourBar, hatch, legend } from '../src/plot/legend';
import { png } from '../src/plot/png';
import { pointPixels } from '../src/plot/raster';
import { circle, type Points, type Raster, type Scene } from '../src/plot/scene';
import { MOST_ELEMENTS, toSvg } from '../src/plot/svg';
import { hubMarks } from '../src/views/parts/matrix/hub_marks';
import { scene as matrix } from '../src/views/parts/matrix/matrix_scene';
import { bands } from '../src/stats/bands';
import { down, frameOf, scene as strips, swarms } from '../src/views/explore/importance/strips/strips_scene';
import { INKS } from '../src/views/explore/images/image_paint';
import { scene as map } from '../src/views/explore/images/map_scene';
import { scene as classes } from '../src/views/heads/class_scene';
import { cells, scene as redundancy } from '../src/views/heads/redundancy/redundancy_scene';
import { marksOf, parsed, pictureOf, wordsOf } from './drawing';

const sceneOf = (...marks: Scene['marks']): Scene => ({ width: 60, height: 40, title: 'planted', marks });
const many = (n: number): Points => ({
  kind: 'points',
  shape: 'disc',
  r: 2,
  xs: Array.from({ length: n }, (_, i) => 5 + (i % 50)),
  ys: Array.from({ length: n }, (_, i) => 5 + (i % 30)),
  codes: Array.from({ length: n }, (_, i) => i % 2),
  paints: ['accent', 'wrong'],
});

const SIZE = { width: 400, height: 300 };

describe('pixels in a file', () => {
  it.each([
    ['few colours', (i: number): number => [0, 0xff0000ff, 0xff00ff00][(i * i) % 3]!],
    ['one colour, in long runs', (): number => 0xff123456],
    ['more colours than a palette', (i: number): number => (0xff000000 | (i * 2654435761)) >>> 0],
  ])('are what was drawn: %s', (_, colour) => {
    const words = Uint32Array.from({ length: 97 * 31 }, (_, i) => colour(i));
    expect(pictureOf(png({ words, width: 97, height: 31 }), inflateSync)).toEqual({ width: 97, height: 31, words });
  });
  it('show cells by their places on the colours, and none where there is no value', () => {
    const cells: Raster = {
      kind: 'raster',
      x: 3,
      y: 4,
      width: 30,
      height: 20,
      cols: 2,
      places: [0, 1, NaN, 0.5],
      signed: true,
    };
    const svg = toSvg(sceneOf(cells));
    expect(parsed(svg).tags).toContain('image');
    expect(svg).toContain('<image x="3" y="4" width="30" height="20"');
    const bytes = Buffer.from(/base64,([^"]+)/.exec(svg)![1]!, 'base64');
    const css = (word: number): string => `rgb(${word & 255} ${(word >>> 8) & 255} ${(word >>> 16) & 255})`;
    const [low, high, none, middle] = pictureOf(bytes, inflateSync).words;
    const paint = (place: number): string => colourOf({ place, signed: true }, 'light');
    expect([css(low!), css(high!), none]).toEqual([paint(0), paint(1), 0]);
    expect(css(middle!)).toBe(paint(128 / 255));
  });
  it('stand for points where these are too many to be elements', () => {
    const tags = (n: number): string[] => parsed(toSvg(sceneOf(many(n)))).tags.slice(4);
    expect(tags(MOST_ELEMENTS)).toEqual(Array(MOST_ELEMENTS).fill('circle'));
    expect(tags(MOST_ELEMENTS + 1)).toEqual(['image']);
    const { words, width } = pointPixels({ ...many(2), xs: [10, NaN], ys: [8, 3] }, 60, 40, 2, 'light');
    expect(words[16 * width + 20]! >>> 0).toBe(0xffb27200);
    expect(words.filter(Boolean).length).toBeLessThan(100);
  });
  it.each(['disc', 'ring', 'cross', 'square'] as const)('show a %s as its element does', (shape) => {
    const { words, width } = pointPixels({ ...many(1), shape, r: 4, xs: [20], ys: [20] }, 40, 40, 1, 'light');
    const seen = (x: number, y: number): boolean => words[(20 + y) * width + 20 + x]! >>> 24 > 127;
    expect([seen(0, 0), seen(4, 0), seen(3, 3), seen(4, 4)]).toEqual(
      {
        disc: [true, true, false, false],
        ring: [false, true, true, false],
        cross: [true, false, true, true],
        square: [true, true, true, true],
      }[shape],
    );
  });
});

describe('what colours and marks stand for', () => {
  it('is a bar with its ends, its unit and the values worth knowing', () => {
    const bar = colourBar(
      {
        caption: 'JSD, bits',
        ticks: [
          { at: 0, text: '0' },
          { at: 1, text: '0.5' },
        ],
        marks: [{ at: 0.25, text: 'uniform' }],
      },
      10,
      20,
      100,
    );
    expect(wordsOf({ marks: [bar] })).toEqual(['JSD, bits', '0', '0.5']);
    expect(marksOf({ marks: [bar] }).find(({ kind }) => kind === 'line')).toMatchObject({ x1: 35, title: 'uniform' });
  });
  it('is a legend whose entries do not touch', () => {
    const dot = (x: number, y: number) => [circle(x, y, 3, { fill: 'ink' })];
    const marks = marksOf({
      marks: [
        legend(
          [
            { words: 'right', mark: dot },
            { words: 'wrong', mark: dot },
          ],
          0,
          12,
        ),
      ],
    });
    expect(marks.map((mark) => ('x' in mark ? mark.x : 0))).toEqual([5, 14, 61, 70]);
  });
  it('is a hatch inside its box', () => {
    const numbers = hatch(10, 20, 30, 12)
      .match(/[\d.]+/g)!
      .map(Number);
    numbers.forEach((at, i) => expect(at >= [10, 20][i % 2]! && at <= [40, 32][i % 2]!).toBe(true));
  });
});

describe('a number a head', () => {
  const fill = [0.1, 0.4, 0.2, NaN];
  const props = {
    rows: [
      [0, 1],
      [0, 1],
    ],
    width: 2,
    size: { width: 40, height: 30 },
    fill,
    scale: scaleFor(fill, false, 'linear'),
    consistency: [0.5, 0, 1, 1],
    image: { values: [0.3, NaN, 0.1, 0.2], marked: new Set([2]) },
    title: 'JSD of each head',
    caption: 'JSD, mean (bits), n = 9 images',
    ordered: false,
    focus: { layer: 0, head: 1 },
    set: [{ layer: 1, head: 0 }],
    pruned: [{ layer: 0, head: 0 }],
  };
  it('has a square by consistency and a dot for one image, ringed twice where it stands out', () => {
    const marks = hubMarks(props);
    expect(marks.map((mark) => (mark.kind === 'rect' ? mark.width : mark.r))).toEqual([10, 4.75, 4, 20, 6.5, 5.5, 4]);
    expect(marks[0]!.stroke).toEqual({ over: { place: 0.25, signed: false } });
  });
  it('is a cell a head with its value, those not computed hatched, in a file with names, unit and n', () => {
    const drawn = matrix({ ...props, totals: { name: 'layer total', values: [0.5, 0.25] } });
    expect(marksOf(drawn, 'cells').map(({ data, fill }) => [data!.head, data!.value, fill])).toEqual([
      ['0.0', 0.1, { place: 0.25, signed: false }],
      ['0.1', 0.4, { place: 1, signed: false }],
      ['1.0', 0.2, { place: 0.5, signed: false }],
    ]);
    expect(marksOf(drawn, 'not computed')).toHaveLength(1);
    expect(marksOf(drawn, 'head set').flatMap(({ data }) => data?.set ?? [])).toEqual(['L1·H0']);
    expect(marksOf(drawn, 'focus').flatMap(({ data }) => data?.focus ?? [])).toEqual(['L0·H1']);
    const { words, tags } = parsed(toSvg(drawn));
    expect(words).toEqual(
      expect.arrayContaining([
        'JSD of each head',
        'head →',
        'layer',
        'H1',
        'L1',
        'L0·H0: 0.100',
        '0.250',
        '0.4',
        props.caption,
      ]),
    );
    expect(tags.filter((tag) => tag === 'image')).toHaveLength(1);
  });
  it('names the head in each cell where they stand by value', () => {
    const drawn = matrix({
      ...props,
      ordered: true,
      rows: [
        [1, 0],
        [0, 1],
      ],
    });
    expect(wordsOf(drawn, 'heads')).toEqual(['1', '2']);
    expect(wordsOf(drawn, 'names in cells')).toEqual(['1', '0', '0']);
  });
});

describe('values of heads over images', () => {
  const values = Float32Array.of(0, 0.1, 0.2, 0.2, 0.4, 0.3, 0.6, NaN);
  const place = { ...SIZE, scale: scaleFor(values, false, 'linear'), nHeads: [1, 1], columns: 1 };
  const found = bands(Float32Array.from(values), 2, Int32Array.of(0, 1, 2, 3));
  const props = {
    ...place,
    title: 'JSD of each head, bits, over 4 images',
    unit: 'bits',
    bands: found,
    head: (index: number) => ({ layer: index, head: 0 }),
    focus: 1,
    places: new Map([[0, 2]]),
    dots: { x: Float64Array.of(350, 352, 354), y: Float64Array.of(200, 150, 100) },
    within: (at: number) => at > 0,
    every: null,
    image: { name: '#2', values: [0.4, 0.3] },
    ranges: [{ left: 10, width: 20, top: 30, bottom: 60 }],
  };
  it('are strips from 5 to 95 %, those of the set in their colours, and a swarm, with unit, layers and n', () => {
    const drawn = strips(props);
    const frame = frameOf(place);
    const bars = marksOf(drawn, 'strips').filter((mark) => mark.data);
    expect(bars.map(({ data, fill }) => [data!.strip, data!.median, fill])).toEqual([
      ['0.0', expect.closeTo(0.3), { head: 2 }],
      ['1.0', expect.closeTo(0.2), 'line-strong'],
    ]);
    expect(bars[0]).toMatchObject({ y: expect.closeTo(down(frame, place.scale, found.q3[0]!)) });
    expect(marksOf(drawn, 'one image')).toHaveLength(2);
    const { words, tags } = parsed(toSvg(drawn));
    expect(words).toEqual(
      expect.arrayContaining([
        props.title,
        'bits',
        '0.2',
        'L0',
        'L1',
        'L1·H0 by image',
        '#2: 0.300',
        'image #2',
        'n = 4',
      ]),
    );
    expect(tags).not.toContain('image');
  });
  it('have the images of the chosen range over the others', () => {
    expect(swarms(props).map(({ xs, paints, r }) => [[...Array.from(xs)], paints[0], r])).toEqual([
      [[350], 'line-strong', 1.5],
      [[352, 354], 'accent', 1.5],
    ]);
  });
});

describe('how alike heads are', () => {
  const similarity = Float32Array.of(1, 0.2, 0.9, 0.2, 1, NaN, 0.9, NaN, 1);
  const props = {
    side: 90,
    similarity,
    order: [2, 0, 1],
    layerOf: (head: number) => head >> 1,
    layers: 2,
    groups: [{ heads: [2, 0], from: 0, similarity: 0.9 }],
    shown: 0,
    focus: 2,
    caption: 'cosine of CLS rows',
    of: 'n = 9 images',
  };
  it('is a picture in the order of the row, with a frame a group and the layers along the edges', () => {
    expect([...Array.from(cells(props).places)].map((at) => +at.toFixed(2))).toEqual([
      1,
      0.9,
      NaN,
      0.9,
      1,
      0.2,
      NaN,
      0.2,
      1,
    ]);
    const drawn = redundancy(props);
    const frames = marksOf(drawn, 'groups').filter((mark) => mark.kind === 'rect');
    expect(frames.map(({ x, width, data }) => [x, width, data?.group])).toEqual([
      [7, 60, undefined],
      [7, 60, 'A'],
    ]);
    expect(marksOf(drawn, 'layers').map((mark) => mark.kind === 'path' && mark.d.match(/M/g)!.length)).toEqual([4, 2]);
    const { words, tags } = parsed(toSvg(drawn));
    expect(words).toEqual(
      expect.arrayContaining([
        'Similarity of heads, two by two: cosine of CLS rows, n = 9 images',
        'A',
        '0.5',
        'edges: layer 0',
        'edges: layer 1',
        'cosine of CLS rows, n = 9 images',
      ]),
    );
    expect(tags.filter((tag) => tag === 'image')).toHaveLength(2);
  });
});

describe('classes over layers', () => {
  it('are a cell a layer and the focus head, with names, n, unit and what is not known', () => {
    const drawn = classes({
      width: 400,
      rows: [
        { target: 3, n: 12, focus: 0.5, layers: [0.25, NaN] },
        { target: 7, n: 4, focus: NaN, layers: [1, 0.5] },
      ],
      name: (target) => (target === 3 ? 'tabby' : 'a class with a name that is long'),
      layers: 2,
      head: 'L1·H0',
      scale: scaleFor([0.25, 1], false, 'linear'),
      caption: 'JSD, bits · n = 16',
      worded: (value) => (Number.isFinite(value) ? value.toFixed(2) : '–'),
    });
    const values = (name: string) =>
      marksOf(drawn, name).flatMap((mark) => (mark.kind === 'rect' ? [[mark.data!.layer, mark.data!.value]] : []));
    expect(values('class 3')).toEqual([
      [undefined, 0.5],
      [0, 0.25],
    ]);
    expect(values('class 7')).toEqual([
      [0, 1],
      [1, 0.5],
    ]);
    const { words } = parsed(toSvg(drawn));
    expect(words).toEqual(
      expect.arrayContaining([
        'class',
        'n',
        'L1·H0',
        'layer →',
        'L1',
        'tabby',
        '12',
        '0.50',
        'tabby, layer 1: not known',
        'a class with a name…',
        'JSD, bits · n = 16',
      ]),
    );
  });
});

describe('the map of images', () => {
  const props = {
    ...SIZE,
    title: 'Images by confidence and JSD',
    frame: { left: 46, right: 14, top: 34, bottom: 50 },
    placed: { x: Float32Array.of(100, 200, 300, NaN), y: Float32Array.of(50, 60, 70, 80) },
    rows: [0, 1],
    out: [2],
    correct: [true, false, null, true],
    colouring: null,
    bar: null,
    entries: [],
    axes: [
      { low: 0, high: 1, words: (value: number) => String(Math.round(100 * value)), title: 'confidence, %' },
      { low: 0, high: 0.4, words: String, title: 'JSD, bits' },
    ] as const,
    focus: 1,
    outline: [
      [10, 10],
      [20, 10],
      [20, 20],
    ] as const,
  };
  it('is a mark an image by right and wrong, with axes in their units', () => {
    const drawn = map(props);
    const points = (name: string) => marksOf(drawn, name).flatMap((mark) => (mark.kind === 'points' ? [mark] : []));
    expect(points('right')).toMatchObject([{ shape: 'disc', xs: [100], ys: [50] }]);
    expect(points('wrong')).toMatchObject([{ shape: 'cross', xs: [200], paints: [{ light: INKS.light.wrong }] }]);
    expect(points('outside the scope')).toMatchObject([{ xs: [300] }]);
    expect(marksOf(drawn, 'focus image')[1]!.data).toEqual({ image: 1 });
    expect(parsed(toSvg(drawn)).words).toEqual(
      expect.arrayContaining([
        'Images by confidence and JSD, n = 2 images',
        'confidence, % →',
        'JSD, bits →',
        '100',
        '0.2',
        'right 1',
        'wrong 1',
      ]),
    );
  });
  it('has the colours of a number and their bar', () => {
    const paints = [
      { place: 0, signed: false },
      { place: 1, signed: false },
    ];
    const bar = { caption: 'L0·H1 · JSD (bits)', ticks: [{ at: 1, text: '0.4' }] };
    const drawn = map({
      ...props,
      axes: null,
      focus: null,
      outline: [],
      colouring: { codes: [1, 0, 1, 1], paints },
      bar,
    });
    const drawnMarks = ['right', 'wrong'].flatMap((name) => marksOf(drawn, name));
    expect(drawnMarks).toMatchObject([
      { codes: [1], paints },
      { codes: [0], paints },
    ]);
    expect(parsed(toSvg(drawn)).words).toEqual(expect.arrayContaining([bar.caption, '0.4']));
  });
});
