// Marks on a canvas, where hundreds of elements would have to be laid out with every change.

import type { Theme } from './colour';
import { colourOf } from './inks';
import type { Circle, Rect } from './scene';

/** Of the display, for a length on the page. */
export const pixels = (length: number): number => Math.max(1, Math.round(length * devicePixelRatio));

/** A canvas of this size on the screen, sharp on any display, cleared. */
export function fitted(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const [across, down] = [pixels(width), pixels(height)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  const context = canvas.getContext('2d')!;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Boxes and discs, the later ones over the earlier. */
export function paintShapes(context: CanvasRenderingContext2D, marks: readonly (Rect | Circle)[], theme: Theme): void {
  for (const mark of marks) {
    const { kind, fill, stroke } = mark;
    context.globalAlpha = mark.opacity ?? 1;
    if (fill) context.fillStyle = colourOf(fill, theme);
    if (stroke) context.strokeStyle = colourOf(stroke, theme);
    context.lineWidth = mark.thick ?? 1;
    if (kind === 'rect') {
      // Not as a path: it takes twice as long.
      const { x, y, width, height } = mark;
      if (fill) context.fillRect(x, y, width, height);
      if (stroke) context.strokeRect(x, y, width, height);
    } else {
      context.beginPath();
      context.arc(mark.x, mark.y, mark.r, 0, 2 * Math.PI);
      if (fill) context.fill();
      if (stroke) context.stroke();
    }
  }
  context.globalAlpha = 1;
}
