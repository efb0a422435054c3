// Charts of heat maps and of many points: what a file of each holds. The screen's canvases draw the same marks.
import { describe, expect, it } from 'vitest';
import { scaleFor } from '../src/plot/colour';
import { toSvg } from '../src/plot/svg';
import { hubMarks } from '../src/views/parts/matrix/hub_marks';
import { scene as matrix } from '../src/views/parts/matrix/matrix_scene';
import { bands } from '../src/stats/bands';
import { down, frameOf, scene as strips, swarms } from '../src/views/explore/importance/strips/strips_scene';
import { INKS } from '../src/views/explore/images/image_paint';
import { scene as map } from '../src/views/explore/images/map_scene';
import { scene as classes } from '../src/views/heads/class_scene';
import { scene as sizedMaps } from '../src/views/heads/resolution/maps_scene';
import { cells, scene as redundancy } from '../src/views/heads/redundancy/redundancy_scene';
import { scene as flips } from '../src/views/lab/flips/flips_scene';
import { marksOf, parsed, wordsOf } from './drawing';

const SIZE = { width: 400, height: 300 };

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
    imageName: 'image #7',
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
        'image #7',
        'pruned',
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

describe('maps at several input sizes', () => {
  const map = (rows: number, cols: number, most: number) => ({
    rows,
    cols,
    values: Float32Array.from({ length: rows * cols }, (_, i) => (most * (i + 1)) / (rows * cols)),
  });
  it('are a picture a size, of one scale a head, with the sizes and a bar below', () => {
    const drawn = sizedMaps({
      width: 300,
      side: 60,
      x: (at) => 90 + 80 * at,
      rows: [
        { name: 'L0·H1', maps: [map(2, 3, 4), map(4, 6, 8)] },
        { name: 'L1·H0', maps: [map(2, 3, 2), { rows: 4, cols: 6, values: null }] },
      ],
      mapsOf: 'attention of CLS',
      named: true,
      sizes: [
        { name: '28 × 42', tokens: 7, interpolated: false },
        { name: '56 × 84', tokens: 25, interpolated: true },
      ],
    });
    const maps = marksOf(drawn, 'maps').flatMap((mark) => (mark.kind === 'raster' ? [mark] : []));
    expect(maps.map(({ x, y, width, cols, places }) => [x, y, width, cols, places[places.length - 1]])).toEqual([
      [60, 10, 60, 3, 0.5],
      [140, 10, 60, 6, 1],
      [60, 76, 60, 3, 1],
    ]);
    expect(parsed(toSvg(drawn)).words).toEqual(
      expect.arrayContaining([
        'L0·H1',
        'to 8.00 ×',
        'to 2.00 ×',
        '28 × 42',
        '25*',
        'largest of the row',
        'attention of CLS; × uniform, 1/tokens',
      ]),
    );
  });
});

describe('images whose answer changed', () => {
  it('are counted, named and shown where there is a picture, in lines', () => {
    const drawn = flips({
      width: 80,
      kind: 'lost',
      rows: Array.from({ length: 63 }, (_, row) => row),
      picture: (row) => (row === 1 ? null : `data:image/png;base64,AAAA#${row}&"`),
      name: (row) => `image #${row}`,
      focus: 2,
    });
    const frames = marksOf(drawn, 'lost').flatMap((mark) => (mark.kind === 'rect' ? [mark] : []));
    expect(frames).toHaveLength(60);
    expect(frames[2]).toMatchObject({ x: 2, y: 55, stroke: 'accent', data: { image: 2 } });
    const { words, tags } = parsed(toSvg(drawn));
    expect(tags.filter((tag) => tag === 'image')).toHaveLength(59);
    expect(words).toEqual(expect.arrayContaining(['63', 'right before, wrong after', 'image #2', 'and 3 more']));
  });
});
