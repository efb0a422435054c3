// Very many points onto a canvas, each a square: a hundred thousand are laid down in a few milliseconds.
import type { Theme } from '../../../../plot/colour';
import { colourOf } from '../../../../plot/inks';
import type { Points } from '../../../../plot/scene';

export function paintSwarms(context: CanvasRenderingContext2D, marks: readonly Points[], theme: Theme): void {
  for (const { xs, ys, r, paints, opacity = 1 } of marks) {
    context.fillStyle = colourOf(paints[0]!, theme);
    context.globalAlpha = opacity;
    for (let at = 0; at < xs.length; at++) {
      if (xs[at] === xs[at]) context.fillRect(xs[at]! - r, ys[at]! - r, 2 * r, 2 * r);
    }
  }
  context.globalAlpha = 1;
}
