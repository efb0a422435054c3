// Maps onto canvases: one image pixel a patch, enlarged without smoothing, so that a map shows its own values only.
import { patchMap, type Rows } from '../../core/attention';
import { colourAt, overlayAt, shadeAt, type Theme } from '../../core/colour';
import { upsample, type Upsampling } from '../../core/maps';
import type { TokenInfo } from '../../io/wire';

/** A map as an image of cols x rows pixels; `NaN` stays transparent. */
export function mapImage(
  values: Float32Array,
  cols: number,
  colour: (value: number) => readonly [number, number, number, number],
): ImageData {
  const image = new ImageData(cols, values.length / cols);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== value) continue;
    const [red, green, blue, opacity] = colour(value);
    image.data.set([red, green, blue, Math.round(255 * opacity)], 4 * i);
  }
  return image;
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
  const colour = spotlight ? shadeAt : overlayAt;
  canvas.getContext('2d')!.putImageData(mapImage(values, fine.cols, (value) => colour(value / top)), 0, 0);
}

export interface TilePlace {
  readonly layer: number;
  readonly head: number;
  readonly left: number;
  readonly top: number;
}

/** All heads' maps on one canvas at device resolution; each layer has its own scale, shared by its heads. */
export function paintTiles(
  canvas: HTMLCanvasElement,
  rows: Rows,
  tiles: readonly TilePlace[],
  tops: readonly number[],
  tile: { readonly width: number; readonly height: number },
  theme: Theme,
): void {
  const context = canvas.getContext('2d')!;
  const small = new OffscreenCanvas(rows.tokens.cols, rows.tokens.rows);
  const brush = small.getContext('2d')!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  for (const { layer, head, left, top } of tiles) {
    const scale = tops[layer]!;
    const image = mapImage(patchMap(rows, layer, head), rows.tokens.cols, (value) => [
      ...colourAt(value / scale, false, theme),
      1,
    ]);
    brush.putImageData(image, 0, 0);
    context.drawImage(small, left, top, tile.width, tile.height);
  }
}
