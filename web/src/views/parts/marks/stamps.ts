// Marks laid down as pixels: the canvas draws a mark once, at several fractions of a pixel, and its coverage is then
// laid down as often as there are marks. Thousands of paths take the browser five times as long to fill.

const PHASES = 4;

/** How much of each pixel a mark covers, 0 to 255, row by row, at each fraction of a pixel. */
export interface Stamp {
  readonly size: number;
  readonly covers: readonly Uint8ClampedArray[];
}

/** What `draw` draws around the origin within `reach`; CSS pixels. */
export function stamp(reach: number, ratio: number, draw: (context: OffscreenCanvasRenderingContext2D) => void): Stamp {
  const size = 2 * Math.ceil(reach * ratio + 1);
  const context = new OffscreenCanvas(size * PHASES * PHASES, size).getContext('2d', { willReadFrequently: true })!;
  const covers = Array.from({ length: PHASES * PHASES }, (_, phase) => {
    const [across, down] = [(phase % PHASES) / PHASES, Math.floor(phase / PHASES) / PHASES];
    context.setTransform(ratio, 0, 0, ratio, phase * size + size / 2 + across, size / 2 + down);
    draw(context);
    return context.getImageData(phase * size, 0, size, size).data.filter((_, i) => i % 4 === 3);
  });
  return { size, covers };
}

/** A picture that marks are laid onto, later ones over earlier ones; device pixels. */
export class Sheet {
  readonly image: ImageData;

  constructor(width: number, height: number) {
    this.image = new ImageData(width, height);
  }

  /** Lay a mark around a place, in one colour. */
  lay({ size, covers }: Stamp, x: number, y: number, red: number, green: number, blue: number): void {
    const { width, height, data } = this.image;
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const cover = covers[Math.floor((y - row) * PHASES) * PHASES + Math.floor((x - column) * PHASES)]!;
    const [left, top] = [column - size / 2, row - size / 2];
    const [from, to] = [Math.max(0, -left), Math.min(size, width - left)];
    for (let v = Math.max(0, -top); v < Math.min(size, height - top); v++) {
      let at = 4 * ((top + v) * width + left + from);
      for (let u = from; u < to; u++, at += 4) {
        const mine = cover[v * size + u]!;
        if (mine === 0) continue;
        // The mark over what is there: shares of the two colours in what both cover.
        const under = (data[at + 3]! * (255 - mine)) / 255;
        const all = mine + under;
        const share = mine / all;
        data[at] = red * share + data[at]! * (1 - share);
        data[at + 1] = green * share + data[at + 1]! * (1 - share);
        data[at + 2] = blue * share + data[at + 2]! * (1 - share);
        data[at + 3] = all;
      }
    }
  }
}
