// The map of matrices onto canvases: all dots below, what is pointed at or in focus on a layer above.
import { drawDots, stampOf, type Raster } from '../../../../plot/marks/dot_raster';
import { faded, groundColour, outColour, type DotColours } from '../../../../plot/pattern_colours';
import { rgb, type Rgb, type Theme } from '../../../../plot/colour';
import type { Paint } from '../../../../session/time';

export interface Box {
  readonly width: number;
  readonly height: number;
}

/** Room for half a dot at the border, px. */
export const RIM = 7;
const VEIL = 0.8;
/** About 4 ms; thrice that on a busy machine. */
const DOTS_A_TASK = 15_000;

/** Places [matrix, 2] in device pixels. */
export function pixelsOf(positions: Float32Array, box: Box, ratio: number): Float32Array {
  const places = new Float32Array(positions.length);
  const [width, height] = [(box.width - 2 * RIM) * ratio, (box.height - 2 * RIM) * ratio];
  for (let i = 0; i < positions.length; i += 2) {
    places[i] = RIM * ratio + positions[i]! * width;
    places[i + 1] = RIM * ratio + (1 - positions[i + 1]!) * height;
  }
  return places;
}

/** Of more dots each is smaller, px. */
export const radiusOf = (dots: number, box: Box): number =>
  Math.max(0.75, Math.min(2.2, 0.42 * Math.sqrt((box.width * box.height) / (dots || 1))));

export interface Dots {
  readonly places: Float32Array;
  readonly colours: DotColours;
  /** 1 for each sampled image in scope, and how many heads an image has. */
  readonly within: Uint8Array;
  readonly heads: number;
  /** 1 for each matrix of the chosen set; null = none is chosen. */
  readonly inSet: Uint8Array | null;
  readonly radius: number;
  readonly theme: Theme;
}

/** Of each canvas, used again: a new one for each thing that is pointed at would fill the memory in no time. */
const images = new WeakMap<HTMLCanvasElement, ImageData>();

function blank(canvas: HTMLCanvasElement, box: Box): { image: ImageData; raster: Raster } {
  const ratio = devicePixelRatio;
  const [width, height] = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  let image = images.get(canvas);
  if (image?.width !== width || image.height !== height) images.set(canvas, (image = new ImageData(width, height)));
  const words = new Uint32Array(image.data.buffer);
  words.fill(0);
  return { image, raster: { words, width, height } };
}

/** All dots: those outside the scope first and grey, then those outside the set, faded, then the rest. In parts. */
export function paintDots(canvas: HTMLCanvasElement, box: Box, dots: Dots): Paint {
  const { image, raster } = blank(canvas, box);
  const { places, colours, within, heads, inSet, theme } = dots;
  const full = colours.colours.map(rgb);
  const n = places.length / 2;
  const kinds = new Uint8Array(n);
  const ends = [0, 0, 0];
  for (let matrix = 0; matrix < n; matrix++) {
    const kind = !within[(matrix / heads) | 0] ? 0 : inSet && !inSet[matrix] ? 1 : 2;
    kinds[matrix] = kind;
    ends[kind]!++;
  }
  const order = new Int32Array(n);
  const next = [0, ends[0]!, ends[0]! + ends[1]!];
  for (let matrix = 0; matrix < n; matrix++) order[next[kinds[matrix]!]!++] = matrix;
  const stamp = stampOf(dots.radius * devicePixelRatio);
  const draws = [
    { codes: null, colours: [outColour(theme)] },
    { codes: colours.codes, colours: full.map((colour) => faded(colour, theme)) },
    { codes: colours.codes, colours: full },
  ];
  let at = 0;
  return function part(): Paint | void {
    if (at === n) return canvas.getContext('2d')!.putImageData(image, 0, 0);
    const kind = kinds[order[at]!]!;
    const end = Math.min(at + DOTS_A_TASK, next[kind]!);
    drawDots(raster, places, order.subarray(at, end), draws[kind]!.codes, draws[kind]!.colours, stamp);
    at = end;
    return part;
  };
}

export interface Marked {
  /** Dots that are brought to the front; the others stay, or are veiled. */
  readonly raised: readonly number[];
  readonly veil: boolean;
  /** Dots with a ring: those of one image. */
  readonly ringed: readonly number[];
  /** The one that is pointed at, and the one that was chosen. */
  readonly pointed: number | null;
  readonly picked: number | null;
}

export function paintMarked(canvas: HTMLCanvasElement, box: Box, dots: Dots, marked: Marked): void {
  const { image, raster } = blank(canvas, box);
  const { places, colours, theme, radius } = dots;
  const ratio = devicePixelRatio;
  const ink: Rgb = theme === 'light' ? [20, 23, 28] : [232, 235, 239];
  const full = colours.colours.map(rgb);
  if (marked.veil) raster.words.fill(veilWord(theme));
  else drawDots(raster, places, marked.raised, null, [ink], stampOf((radius + 1.6) * ratio));
  drawDots(raster, places, marked.raised, colours.codes, full, stampOf((radius + (marked.veil ? 0.1 : 0.6)) * ratio));
  const context = canvas.getContext('2d')!;
  context.putImageData(image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const matrix of marked.ringed) ring(context, places, matrix, ratio, radius + 2.2, `rgb(${ink.join(' ')})`, 1);
  for (const matrix of [marked.pointed, marked.picked]) {
    if (matrix === null) continue;
    ring(context, places, matrix, ratio, radius + 4.5, '#fff', 5);
    ring(context, places, matrix, ratio, radius + 4.5, '#000', 2);
  }
}

function veilWord(theme: Theme): number {
  const [red, green, blue] = groundColour(theme);
  return ((Math.round(255 * VEIL) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function ring(
  context: CanvasRenderingContext2D,
  places: Float32Array,
  matrix: number,
  ratio: number,
  radius: number,
  colour: string,
  width: number,
): void {
  context.beginPath();
  context.arc(places[2 * matrix]! / ratio, places[2 * matrix + 1]! / ratio, radius, 0, 2 * Math.PI);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
