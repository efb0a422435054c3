// The images drawn again with replacement, seeded: draw for draw those of src/vitscope/analysis/statistics/resampling.py.

export const DRAWS = 999;
/** Draws at or beyond each end of a 95 % interval. */
export const BEYOND = 25;

/**
 * Draws of n images (below 2^21): which one a draw takes at a place is a function of draw and place alone. The draw made
 * last is `length` images, each once, with how often it is in it: lists, as sums over them are what takes the time.
 */
export class Sampler {
  readonly n: number;
  readonly images: Int32Array;
  readonly times: Float64Array;
  length = 0;
  readonly #counts: Uint16Array;
  readonly #places: Uint32Array;
  readonly #seed: number;

  constructor(n: number, seed = 0) {
    this.n = n;
    this.images = new Int32Array(n);
    this.times = new Float64Array(n);
    this.#counts = new Uint16Array(n);
    this.#places = Uint32Array.from({ length: n }, (_, place) => mixed(place + 1));
    this.#seed = seed;
  }

  draw(draw: number): this {
    const { n, images, times } = this;
    const [counts, places] = [this.#counts, this.#places];
    const key = mixed((Math.imul(draw, 0x9e3779b9) + this.#seed) >>> 0);
    counts.fill(0);
    for (let place = 0; place < n; place++) counts[Math.floor((mixed(key ^ places[place]!) * n) / 4294967296)]!++;
    let length = 0;
    for (let image = 0; image < n; image++) {
      images[length] = image;
      times[length] = counts[image]!;
      length += Number(counts[image]! > 0);
    }
    this.length = length;
    return this;
  }
}

/** The bits of a number mixed, one to one (lowbias32). */
function mixed(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The images of `rows` that have a value for any head: only they are drawn. */
export function measured(values: Float32Array, width: number, rows: Int32Array): Int32Array {
  return rows.filter((row) => {
    for (let i = row * width; i < (row + 1) * width; i++) if (values[i] === values[i]) return true;
    return false;
  });
}
