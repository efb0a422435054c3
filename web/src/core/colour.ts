// Colour maps and the scales that lead to them. Cividis (Nuñez et al. 2018) for unsigned values; blue-orange with 0 at
// the neutral colour for signed ones; one hue with rising opacity over photographs.

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
  readonly kind: 'linear' | 'log';
}

/** Scale over finite values: 0 to the largest, or minus to plus the largest size. */
export function scaleFor(values: Iterable<number>, signed: boolean, kind: Scale['kind']): Scale {
  let high = 0;
  for (const value of values) if (Number.isFinite(value)) high = Math.max(high, signed ? Math.abs(value) : value);
  return { low: signed ? -high : 0, high, signed, kind };
}

/** Place of a value on the scale, in [0, 1]. `log` is linear below 1/100 of the largest value, so 0 has its place. */
export function place(scale: Scale, value: number): number {
  if (scale.high === 0) return scale.signed ? 0.5 : 0;
  const share = Math.max(-1, Math.min(1, value / scale.high));
  const bent = scale.kind === 'log' ? (Math.sign(share) * Math.log1p(Math.abs(share) * 100)) / Math.log1p(100) : share;
  return scale.signed ? (bent + 1) / 2 : Math.max(bent, 0);
}

/** Values to print beside the colour bar. */
export function ticks(scale: Scale): number[] {
  const { high } = scale;
  if (high === 0) return [0];
  const positive = scale.kind === 'linear' ? [high / 2, high] : scale.signed ? [high / 10, high] : [high / 100, high / 10, high];
  return scale.signed ? [...positive.map((v) => -v).reverse(), 0, ...positive] : [0, ...positive];
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
