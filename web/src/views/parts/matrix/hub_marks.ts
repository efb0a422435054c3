// What is drawn over the cells of the hub. An inner square, the larger the more alike the images are; one image's values,
// a dot in each cell's corner in the colour of its value, ringed twice where it leaves the interquartile range of the images in
// scope. A canvas: 144 elements of their own would have to be laid out with every change.
import { colourAt, css, place, type Scale, type Theme } from '../../../plot/colour';
import type { CellSize } from '../../../plot/layout';
import type { CellColours } from './hub_cell';

interface Marks {
  /** Heads of each layer from left to right; without colours there is nothing to mark. */
  readonly cells: readonly (readonly { readonly head: number; readonly colours: CellColours | null }[])[];
  readonly width: number;
  readonly size: CellSize;
  readonly scale: Scale;
  readonly theme: Theme;
  readonly consistency: Float64Array | null;
  readonly image: { readonly values: ArrayLike<number>; readonly marked: ReadonlySet<number> } | null;
}

/** A canvas of this size on the screen, sharp on any display. */
export function fitted(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function paintMarks(
  canvas: HTMLCanvasElement,
  { cells, width, size, scale, theme, consistency, image }: Marks,
): void {
  const context = fitted(canvas, width * size.width, cells.length * size.height);
  cells.forEach((row, layer) =>
    row.forEach(({ head, colours }, column) => {
      if (!colours) return;
      const index = layer * width + head;
      const [left, top] = [column * size.width, layer * size.height];
      const alike = consistency?.[index] ?? 0;
      if (alike > 0) {
        const side = innerSquare(alike, size);
        context.globalAlpha = 0.55;
        context.strokeStyle = colours.ink;
        const corner = (start: number, room: number): number => Math.floor(start + (room - side) / 2) + 0.5;
        context.strokeRect(corner(left, size.width), corner(top, size.height), side - 1, side - 1);
        context.globalAlpha = 1;
      }
      const value = image?.values[index];
      if (value === undefined || !Number.isFinite(value)) return;
      const radius = Math.max(2, Math.min(4, Math.min(size.width, size.height) / 6));
      const [x, y] = [left + size.width - radius - 3.5, top + size.height - radius - 3.5];
      if (image!.marked.has(index)) {
        disc(context, x, y, radius + 2.5, '#000');
        disc(context, x, y, radius + 1.5, '#fff');
      } else disc(context, x, y, radius + 0.75, colours.ink);
      disc(context, x, y, radius, css(colourAt(place(scale, value), scale.signed, theme)));
    }),
  );
}

/** Side of the inner square: a share of the cell's shorter side; `share` is more than 0. */
function innerSquare(share: number, { width, height }: CellSize): number {
  return Math.max(2, Math.round(share * (Math.min(width, height) - 9)));
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
