// Colours of clusters, classes and values on the map of matrices. Eight clusters are told apart under each
// colour-vision deficiency (tests/colour.test.ts); further ones are grey, and names and glyphs say which is which.
import { colourAt, css, HEAD_COLOURS, type Rgb, type Theme } from './colour';
import type { Pair } from './inks';

export const CLUSTER_COLOURS: Record<Theme, readonly string[]> = {
  light: ['#1d63d7', '#cc506d', '#069c8b', '#8f900e', '#89487c', '#0f7125', '#7a0a3c', '#1c0d7a'],
  dark: ['#a0a9ff', '#ed7289', '#17c6ae', '#ddcc77', '#a376ab', '#0f923f', '#b73f74', '#c2f0ff'],
};
const OTHERS: Record<Theme, string> = { light: '#7c8792', dark: '#8a949f' };
/** The ground of the map: dots outside the scope are between it and the ink. */
const GROUND: Record<Theme, Rgb> = { light: [255, 255, 255], dark: [20, 23, 28] };
const OUT: Record<Theme, Rgb> = { light: [222, 226, 231], dark: [46, 52, 60] };

/** Classes that get a colour on the map; more would not be told apart. */
export const MOST_CLASSES = 6;

export const clusterColour = (cluster: number, theme: Theme): string =>
  CLUSTER_COLOURS[theme][cluster] ?? OTHERS[theme];
/** The same, for a drawing. */
export const clusterPaint = (cluster: number): Pair => ({
  light: clusterColour(cluster, 'light'),
  dark: clusterColour(cluster, 'dark'),
});
export const othersColour = (theme: Theme): string => OTHERS[theme];
export const classColour = (place: number, theme: Theme): string => HEAD_COLOURS[theme][place] ?? OTHERS[theme];

/** A colour of the map for values, without the end that would vanish on the ground. */
export const valueColour = (place: number, theme: Theme): string =>
  css(colourAt(theme === 'light' ? 0.86 * place : 0.2 + 0.8 * place, false, theme));

/** A colour drawn back towards the ground: of what is in scope but not in the chosen set. */
export function faded(colour: Rgb, theme: Theme, share = 0.78): Rgb {
  return colour.map((part, i) => Math.round(part + share * (GROUND[theme][i]! - part))) as unknown as Rgb;
}

export const outColour = (theme: Theme): Rgb => OUT[theme];
export const groundColour = (theme: Theme): Rgb => GROUND[theme];

/** How the dots of the map are coloured: a code for each, and the colours they stand for. */
export interface DotColours {
  readonly codes: Uint8Array;
  readonly colours: readonly string[];
}
