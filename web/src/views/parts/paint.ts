// Maps onto canvases: one image pixel a patch, enlarged without smoothing, so that a map shows its own values only.
import { patchMap, type Rows } from '../../core/attention';
import { colourAt, overlayAt, type Theme } from '../../core/colour';

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

/** One head's map in the overlay's hue, to be laid over the picture. */
export function paintOverlay(canvas: HTMLCanvasElement, rows: Rows, layer: number, head: number, top: number): void {
  const { rows: height, cols } = rows.tokens;
  canvas.width = cols;
  canvas.height = height;
  const image = mapImage(patchMap(rows, layer, head), cols, (value) => overlayAt(value / top));
  canvas.getContext('2d')!.putImageData(image, 0, 0);
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
