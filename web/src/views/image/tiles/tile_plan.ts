// Where the small maps of all heads stand: layers down, in as many blocks side by side as it takes.
import { tileLayout, type CellSize } from '../../../plot/layout';

const ABOVE = 16;
const BETWEEN = 6;

export class TilePlan {
  /** Between tiles. */
  static readonly GAP = 2;
  /** For the name of a layer, before its tiles. */
  static readonly NAME = 25;
  /** For the colour bar of a layer, after its tiles. */
  static readonly BAR = 45;

  /** Pixels of a patch. */
  readonly scale: number;
  readonly blocks: number;
  readonly tile: CellSize;
  /** Of a layer: its name, its tiles and its colour bar. */
  readonly rowWidth: number;
  /** Of all of it. */
  readonly width: number;
  readonly height: number;
  readonly #layersPerBlock: number;
  readonly #blockWidth: number;

  constructor(layers: number, heads: number, grid: { readonly rows: number; readonly cols: number }, space: CellSize) {
    const { NAME, BAR, GAP } = TilePlan;
    const layout = tileLayout(layers, heads, grid, {
      width: space.width + BETWEEN,
      height: space.height,
      beside: NAME + BAR + BETWEEN,
      above: ABOVE,
      gap: GAP,
    });
    this.scale = layout.scale;
    this.blocks = layout.blocks;
    this.#layersPerBlock = layout.layersPerBlock;
    this.tile = { width: grid.cols * layout.scale, height: grid.rows * layout.scale };
    this.rowWidth = NAME + heads * (this.tile.width + GAP) + BAR;
    this.#blockWidth = this.rowWidth + BETWEEN;
    this.width = layout.blocks * this.#blockWidth - BETWEEN;
    this.height = ABOVE + layout.layersPerBlock * (this.tile.height + GAP);
  }

  left = (layer: number, col: number): number => this.leftIn(Math.floor(layer / this.#layersPerBlock), col);
  /** Of a column of a block. */
  leftIn = (block: number, col: number): number =>
    block * this.#blockWidth + TilePlan.NAME + col * (this.tile.width + TilePlan.GAP);
  top = (layer: number): number => ABOVE + (layer % this.#layersPerBlock) * (this.tile.height + TilePlan.GAP);
}
