// Marks on a canvas, where hundreds of elements would have to be laid out with every change.

import type { Theme } from './colour';
import { colourOf } from './inks';
import type { Circle, Rect } from './scene';

/** A canvas of this size on the screen, sharp on any display, cleared. */
export function fitted(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  const pixels = (length: number): number => Math.max(1, Math.round(length * ratio));
  const [across, down] = [pixels(width), pixels(height)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Boxes and discs, the later ones over the earlier. */
export function paintShapes(context: CanvasRenderingContext2D, marks: readonly (Rect | Circle)[], theme: Theme): void {
  for (const mark of marks) {
    context.globalAlpha = mark.opacity ?? 1;
    context.beginPath();
    if (mark.kind === 'rect') context.rect(mark.x, mark.y, mark.width, mark.height);
    else context.arc(mark.x, mark.y, mark.r, 0, 2 * Math.PI);
    if (mark.fill) {
      context.fillStyle = colourOf(mark.fill, theme);
      context.fill();
    }
    if (!mark.stroke) continue;
    context.strokeStyle = colourOf(mark.stroke, theme);
    context.lineWidth = mark.thick ?? 1;
    context.stroke();
  }
  context.globalAlpha = 1;
}
