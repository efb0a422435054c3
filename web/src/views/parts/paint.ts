// Maps onto canvases: one image pixel a patch, enlarged without smoothing, so that a map shows its own values only.
import { colourAt, overlayAt, shadeAt, type Theme } from '../../plot/colour';
import { upsample, type Upsampling } from '../../attention/maps';
import type { TokenInfo } from '../../io/wire';

const STEPS = 1023;
type Palette = Uint32Array;

/** Colours along a map as pixels, made once: a colour a value would cost more than all the rest of the painting. */
function palette(colour: (position: number) => readonly [number, number, number, number]): Palette {
  const pixels = new Uint8ClampedArray(4 * (STEPS + 1));
  for (let step = 0; step <= STEPS; step++) {
    const [red, green, blue, opacity] = colour(step / STEPS);
    pixels.set([red, green, blue, Math.round(255 * opacity)], 4 * step);
  }
  return new Uint32Array(pixels.buffer);
}

const SEQUENTIAL: Record<Theme, Palette> = {
  light: palette((at) => [...colourAt(at, false, 'light'), 1]),
  dark: palette((at) => [...colourAt(at, false, 'dark'), 1]),
};
const OVERLAY = palette(overlayAt);
const SHADE = palette(shadeAt);

/** The pixel of a value, 0 to `top` along the colours; `NaN` is transparent. */
function pixelOf(value: number, top: number, colours: Palette): number {
  const place = value / top;
  return place === place ? colours[place >= 1 ? STEPS : place <= 0 ? 0 : Math.round(place * STEPS)]! : 0;
}

/** A map as an image of cols x rows pixels. */
function image(values: Float32Array, cols: number, top: number, colours: Palette): ImageData {
  const pixels = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = pixelOf(values[i]!, top, colours);
  return new ImageData(new Uint8ClampedArray(pixels.buffer), cols, values.length / cols);
}

interface PlacedMap {
  readonly values: Float32Array;
  /** Value at the end of the colours. */
  readonly top: number;
  /** In pixels of the canvas. */
  readonly x: number;
  readonly y: number;
}

/** Maps of one grid, each enlarged to its box, in the sequential colours. */
export function drawMaps(
  context: CanvasRenderingContext2D,
  maps: readonly PlacedMap[],
  grid: { readonly rows: number; readonly cols: number },
  box: { readonly width: number; readonly height: number },
  theme: Theme,
): void {
  if (!maps.length) return;
  // Side by side in one picture, for handing one over takes longer than colouring it.
  const { rows, cols } = grid;
  const across = Math.ceil(Math.sqrt(maps.length));
  const [width, height] = [across * cols, Math.ceil(maps.length / across) * rows];
  const corner = (i: number): [number, number] => [(i % across) * cols, Math.floor(i / across) * rows];
  const pixels = new Uint32Array(width * height);
  maps.forEach(({ values, top }, i) => {
    const [left, above] = corner(i);
    for (let row = 0, at = 0; row < rows; row++) {
      const start = (above + row) * width + left;
      for (let col = 0; col < cols; col++, at++) pixels[start + col] = pixelOf(values[at]!, top, SEQUENTIAL[theme]);
    }
  });
  const all = new OffscreenCanvas(width, height);
  all.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  context.imageSmoothingEnabled = false;
  maps.forEach(({ x, y }, i) => context.drawImage(all, ...corner(i), cols, rows, x, y, box.width, box.height));
}

interface MapStyle {
  /** Value at the end of the colours. */
  readonly top: number;
  /** Darken what gets little instead of colouring what gets much. */
  readonly spotlight: boolean;
  readonly upsampling: Upsampling;
  /** Of the picture: interpolated maps have one value a pixel. */
  readonly size: { readonly width: number; readonly height: number };
}

/** A map of patches to be laid over the picture. */
export function paintMap(canvas: HTMLCanvasElement, patches: Float32Array, grid: TokenInfo, style: MapStyle): void {
  const { top, spotlight, upsampling, size } = style;
  const exact = upsampling === 'nearest';
  const fine = { rows: exact ? grid.rows : size.height, cols: exact ? grid.cols : size.width };
  const values = exact ? patches : upsample(patches, grid, fine, upsampling);
  canvas.width = fine.cols;
  canvas.height = fine.rows;
  canvas.getContext('2d')!.putImageData(image(values, fine.cols, top, spotlight ? SHADE : OVERLAY), 0, 0);
}
