// How large things are drawn, from the space there is: one rule for 12x12, 12x3, 6x4 and whatever comes.

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

export interface CellSize {
  readonly width: number;
  readonly height: number;
}

/** Cells of the layer x head matrix: as large as fits, at most 56 x 44 px, never less than `least`. */
export function cellSize(
  layers: number,
  heads: number,
  width: number,
  height: number,
  least: CellSize = LEAST_CELL,
): CellSize {
  return {
    width: clamp(Math.floor(width / heads), least.width, 56),
    height: clamp(Math.floor(height / layers), least.height, 44),
  };
}

const LEAST_CELL: CellSize = { width: 22, height: 22 };

export interface TileLayout {
  /** Pixels of a patch: a whole number, so that every patch of every tile has the same size. */
  readonly scale: number;
  /** Layers stand in this many blocks side by side. */
  readonly blocks: number;
  readonly layersPerBlock: number;
}

export interface TileSpace {
  readonly width: number;
  readonly height: number;
  /** What each block needs beside its tiles: layer names and the row's colour bar. */
  readonly beside: number;
  /** What each block needs above its tiles: head names. */
  readonly above: number;
  readonly gap: number;
}

/** Largest whole scale at which all heads' maps fit, and the fewest blocks that reach it. */
export function tileLayout(
  layers: number,
  heads: number,
  grid: { readonly rows: number; readonly cols: number },
  space: TileSpace,
  maxScale = 12,
): TileLayout {
  for (let scale = maxScale; scale >= 1; scale--) {
    for (let blocks = 1; blocks <= layers; blocks++) {
      const layersPerBlock = Math.ceil(layers / blocks);
      const width = blocks * (space.beside + heads * (grid.cols * scale + space.gap));
      const height = space.above + layersPerBlock * (grid.rows * scale + space.gap);
      if (width <= space.width && height <= space.height) return { scale, blocks, layersPerBlock };
    }
  }
  return { scale: 1, blocks: 1, layersPerBlock: layers };
}

/** Largest box of an image's shape inside the space; a patch is a whole number of pixels wide where it is large enough. */
export function pictureSize(image: CellSize, columns: number, space: CellSize): CellSize {
  const factor = Math.min(space.width / image.width, space.height / image.height);
  const patch = (image.width * factor) / columns;
  const exact = patch < 4 ? factor : (factor * Math.floor(patch)) / patch;
  return { width: Math.round(image.width * exact), height: Math.round(image.height * exact) };
}
