// One image's values over the cells of the hub: a dot in each cell's corner, in the colour of its value; ringed twice
// where it leaves the middle half of the images in scope.
import { colourAt, css, inkOn, place, type Scale, type Theme } from '../../core/colour';
import type { CellSize } from '../../core/layout';

interface Dots {
  readonly rows: readonly (readonly number[])[];
  readonly width: number;
  readonly size: CellSize;
  readonly scale: Scale;
  readonly theme: Theme;
  readonly fill: Float64Array;
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

export function paintDots(canvas: HTMLCanvasElement, { rows, width, size, scale, theme, fill, image }: Dots): void {
  const context = fitted(canvas, width * size.width, rows.length * size.height);
  if (!image) return;
  const radius = Math.max(2, Math.min(4, Math.min(size.width, size.height) / 6));
  rows.forEach((row, layer) =>
    row.forEach((head, column) => {
      const index = layer * width + head;
      const value = image.values[index]!;
      if (!Number.isFinite(value) || !Number.isFinite(fill[index])) return;
      const marked = image.marked.has(index);
      const [x, y] = [(column + 1) * size.width - radius - 3.5, (layer + 1) * size.height - radius - 3.5];
      const ground = colourAt(place(scale, fill[index]!), scale.signed, theme);
      if (marked) {
        disc(context, x, y, radius + 2.5, '#000');
        disc(context, x, y, radius + 1.5, '#fff');
      } else disc(context, x, y, radius + 0.75, inkOn(ground));
      disc(context, x, y, radius, css(colourAt(place(scale, value), scale.signed, theme)));
    }),
  );
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
