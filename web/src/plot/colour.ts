// Colour maps and the scales that lead to them. Cividis (Nuñez et al. 2018) for unsigned values; blue-orange with 0 at
// the neutral colour for signed ones; one hue with rising opacity over photographs.

import { bisectLeft, bisectRight, ticks as roundValues } from 'd3-array';
import { quantile } from '../stats/kernels';

export type Rgb = readonly [red: number, green: number, blue: number];
export type Theme = 'light' | 'dark';

const CIVIDIS = stops(
  '#00224e #002e6a #1a386f #32436d #434e6c #535a6d #61656f #6f7073 #7d7c78 #8c8878 #9b9476 #aba072 #bcae6c #cdbb63 ' +
    '#dec958 #f0d846 #fee838',
);
const DIVERGING: Record<Theme, Rgb[]> = {
  light: stops('#08305c #2268a4 #6aaad4 #bcd8ea #f4f2ee #f6d3b3 #e79a58 #c25f14 #6f2c02'),
  dark: stops('#bfe0f7 #6cb4e4 #347fb6 #274f72 #262b33 #6b4423 #b3661f #ee9a4d #ffd9ae'),
};
const OVER_PHOTO: Rgb[] = stops('#cc79a7 #d6409b #c2006f');

/**
 * The heads chosen to be compared, by their place in the set; with dashes and a label, never by colour alone. The light
 * ones are Okabe and Ito's and wine, moved until every pair is told apart under each colour-vision deficiency.
 */
export const HEAD_COLOURS: Record<Theme, readonly string[]> = {
  light: ['#0062b4', '#e34c00', '#009e73', '#ae779c', '#722e47', '#000000'],
  dark: ['#7fc7ff', '#e97e2c', '#249d7d', '#ab68c8', '#ffe340', '#ffffff'],
};
/** Dash patterns of their lines, as SVG and canvas take them; empty = solid. */
export const HEAD_DASHES: readonly (readonly number[])[] = [[], [8, 3], [2, 2], [10, 3, 2, 3], [5, 5], [1, 4]];

export interface Scale {
  /** Smallest and largest value the colours cover; symmetric about 0 for signed values. */
  readonly low: number;
  readonly high: number;
  readonly signed: boolean;
  readonly kind: 'linear' | 'log' | 'rank';
  /** For `rank`: the sizes of the values, ascending. */
  readonly ranked?: Float64Array;
}

/** Scale over finite values: 0 to the largest, or minus to plus the largest size. */
export function scaleFor(values: Iterable<number>, signed: boolean, kind: Scale['kind']): Scale {
  let high = 0;
  for (const value of values) if (Number.isFinite(value)) high = Math.max(high, signed ? Math.abs(value) : value);
  const low = signed ? -high : 0;
  if (kind !== 'rank') return { low, high, signed, kind };
  const sizes = Float64Array.from(values)
    .filter(Number.isFinite)
    .map((value) => (signed ? Math.abs(value) : value));
  return { low, high, signed, kind, ranked: sizes.sort() };
}

/**
 * Place of a value on the scale, in [0, 1]. `log` is linear below 1/100 of the largest value, so 0 has its place; `rank`
 * is the share of the values up to this one, by size on either side of 0 where values are signed.
 */
export function place(scale: Scale, value: number): number {
  if (scale.high === 0) return scale.signed ? 0.5 : 0;
  const share = Math.max(-1, Math.min(1, value / scale.high));
  const bent = Math.sign(share) * bend(scale, Math.abs(share), Math.abs(value));
  return scale.signed ? (bent + 1) / 2 : Math.max(bent, 0);
}

function bend(scale: Scale, share: number, size: number): number {
  if (scale.kind === 'linear') return share;
  return scale.kind === 'log' ? Math.log1p(share * 100) / Math.log1p(100) : rankShare(scale.ranked!, size);
}

/** Share of the values below a size, half of those equal to it; the largest is at 1. */
function rankShare(ranked: Float64Array, size: number): number {
  const [below, upTo] = [bisectLeft(ranked, size), bisectRight(ranked, size)];
  if (below === ranked.length) return 1;
  const middle = upTo > below ? (below + upTo - 1) / 2 : below - 0.5;
  return ranked.length > 1 ? Math.max(0, middle) / (ranked.length - 1) : 1;
}

/** The value at a place: the inverse of `place`. */
export function valueAt(scale: Scale, position: number): number {
  const bent = scale.signed ? 2 * position - 1 : position;
  const size = Math.min(1, Math.abs(bent));
  if (scale.kind === 'rank') return Math.sign(bent) * (scale.ranked!.length ? quantile(scale.ranked!, size) : 0);
  return Math.sign(bent) * scale.high * (scale.kind === 'log' ? Math.expm1(size * Math.log1p(100)) / 100 : size);
}

/** Values to print beside the colour bar. */
export function ticks(scale: Scale): number[] {
  const { high, ranked } = scale;
  if (high === 0) return [0];
  if (ranked) {
    const [least, middle] = [ranked[0]!, quantile(ranked, 0.5)];
    return scale.signed ? [-high, -middle, 0, middle, high] : [least, middle, high];
  }
  const positive =
    scale.kind === 'linear' ? [high / 2, high] : scale.signed ? [high / 10, high] : [high / 100, high / 10, high];
  return scale.signed ? [...positive.map((v) => -v).reverse(), 0, ...positive] : [0, ...positive];
}

export interface BarTick {
  /** In [0, 1] along the bar. */
  readonly at: number;
  readonly text: string;
}
/** What a colour bar says, on the screen and in a file. */
export interface Bar {
  /** What the colours stand for, and its unit. */
  readonly caption: string;
  readonly ticks: readonly BarTick[];
  /** The colours for signed values: 0 in the middle. */
  readonly signed?: boolean;
  /** Values worth knowing, such as uniform attention. */
  readonly marks?: readonly BarTick[];
}

/** The bar of a scale, with its own ticks. */
export const barOf = (scale: Scale, caption: string, words: (value: number) => string): Bar => ({
  caption,
  signed: scale.signed,
  ticks: ticks(scale).map((value) => ({ at: place(scale, value), text: words(value) })),
});

/** Round values to mark an axis by: the powers of ten where it is logarithmic, the ends and the middle of ranks. */
export function axisTicks(scale: Scale, many = 4): number[] {
  const { high, low } = scale;
  if (high === 0 || scale.kind === 'rank') return ticks(scale);
  if (scale.kind === 'linear') return roundValues(low, high, many);
  const first = Math.floor(Math.log10(high));
  const positive = [first - 1, first].map((power) => 10 ** power);
  return scale.signed ? [...positive.map((value) => -value).reverse(), 0, ...positive] : [0, ...positive];
}

/** Colour of a place in [0, 1] on the map for unsigned or signed values. */
export function colourAt(position: number, signed: boolean, theme: Theme): Rgb {
  return mix(signed ? DIVERGING[theme] : CIVIDIS, position);
}

/** Colour and opacity over a photograph: nothing at 0, strong at 1. */
export function overlayAt(position: number): readonly [...Rgb, number] {
  return [...mix(OVER_PHOTO, position), 0.86 * Math.sqrt(Math.max(0, Math.min(1, position)))];
}

/** Darkness over a photograph: strong at 0, none at 1, for a spotlight. */
export function shadeAt(position: number): readonly [...Rgb, number] {
  return [8, 10, 14, 0.84 * (1 - Math.sqrt(Math.max(0, Math.min(1, position))))];
}

/** Black or white, whichever is easier to see on a colour. */
export function inkOn(colour: Rgb): string {
  return luminance(colour) > 0.18 ? '#000' : '#fff';
}

export const css = ([red, green, blue]: Rgb): string => `rgb(${red} ${green} ${blue})`;

/** The parts of a colour written as #rrggbb or as `css` writes it. */
export function rgb(colour: string): Rgb {
  const parts = colour.startsWith('#')
    ? colour.match(/[0-9a-f]{2}/gi)!.map((part) => parseInt(part, 16))
    : colour.match(/[\d.]+/g)!.map(Number);
  return parts as unknown as Rgb;
}

/** A CSS gradient along a map, for colour bars. */
export function gradient(colour: (position: number) => string, steps = 16): string {
  return `linear-gradient(to right, ${Array.from({ length: steps + 1 }, (_, i) => colour(i / steps)).join(', ')})`;
}

/** Relative luminance (WCAG 2). */
export function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function mix(map: readonly Rgb[], position: number): Rgb {
  const exact = Math.max(0, Math.min(1, position)) * (map.length - 1);
  const below = Math.min(Math.floor(exact), map.length - 2);
  const [a, b] = [map[below]!, map[below + 1]!];
  const share = exact - below;
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * share)) as unknown as Rgb;
}

function stops(list: string): Rgb[] {
  return list.split(' ').map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb);
}
