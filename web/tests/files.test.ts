// What a file holds beside elements: pixels, many points, what colours and marks stand for.
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { colourOf } from '../src/plot/inks';
import { colourBar, hatch, legend, legendHeight } from '../src/plot/legend';
import { png } from '../src/plot/png';
import { pointPixels } from '../src/plot/raster';
import { circle, type Points, type Raster, type Scene } from '../src/plot/scene';
import { MOST_ELEMENTS, toSvg } from '../src/plot/svg';
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
    const narrow = [
      { words: 'right', mark: dot },
      { words: 'wrong', mark: dot },
    ];
    expect(legendHeight(narrow, 0, 90)).toBe(36);
    const places = marksOf({ marks: [legend(narrow, 0, 12, 90)] }).map((mark) => ('y' in mark ? mark.y : 0));
    expect(places).toEqual([8, 12, 26, 30]);
  });
  it('is a hatch inside its box', () => {
    const numbers = hatch(10, 20, 30, 12)
      .match(/[\d.]+/g)!
      .map(Number);
    numbers.forEach((at, i) => expect(at >= [10, 20][i % 2]! && at <= [40, 32][i % 2]!).toBe(true));
  });
});
