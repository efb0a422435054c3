// The similarity of all heads as a picture: one pixel a pair, in the order of the row, enlarged without smoothing.
import { colourAt, place, type Scale, type Theme } from '../../../plot/colour';

const STEPS = 255;
const tables = new Map<Theme, Uint32Array>();

function lookup(theme: Theme): Uint32Array {
  const held = tables.get(theme);
  if (held) return held;
  const made = Uint32Array.from({ length: STEPS + 1 }, (_, i) => {
    const [red, green, blue] = colourAt(i / STEPS, false, theme);
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  });
  tables.set(theme, made);
  return made;
}

/** Pairs whose similarity is not known stay transparent. */
export function paintSimilarity(
  canvas: HTMLCanvasElement,
  similarity: Float32Array,
  order: readonly number[],
  scale: Scale,
  theme: Theme,
): void {
  const n = order.length;
  canvas.width = canvas.height = n;
  const image = new ImageData(n, n);
  const words = new Uint32Array(image.data.buffer);
  const table = lookup(theme);
  order.forEach((one, y) =>
    order.forEach((other, x) => {
      const value = similarity[one * n + other]!;
      if (value === value) words[y * n + x] = table[Math.round(place(scale, value) * STEPS)]!;
    }),
  );
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
