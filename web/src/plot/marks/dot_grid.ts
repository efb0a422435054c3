// Which of very many dots is nearest a place: dots sorted into square cells once, so that a look-up sees a few of them.

export class DotGrid {
  readonly #side: number;
  readonly #start: Int32Array;
  readonly #items: Int32Array;
  readonly #positions: Float32Array;

  /** Positions [dot, 2] in 0..1; NaN = on no map. */
  constructor(positions: Float32Array, side = 128) {
    this.#positions = positions;
    this.#side = side;
    const n = positions.length / 2;
    const cells = new Int32Array(n);
    const start = new Int32Array(side * side + 1);
    for (let i = 0; i < n; i++) {
      const cell = (cells[i] = this.#cell(positions[2 * i]!, positions[2 * i + 1]!));
      if (cell >= 0) start[cell + 1]!++;
    }
    for (let cell = 0; cell < side * side; cell++) start[cell + 1]! += start[cell]!;
    const [items, next] = [new Int32Array(start[side * side]!), start.slice()];
    for (let i = 0; i < n; i++) if (cells[i]! >= 0) items[next[cells[i]!]!++] = i;
    [this.#start, this.#items] = [start, items];
  }

  #cell(x: number, y: number): number {
    if (x !== x || y !== y) return -1;
    const at = (share: number): number => Math.max(0, Math.min(this.#side - 1, Math.floor(share * this.#side)));
    return at(y) * this.#side + at(x);
  }

  /** The dot nearest a place within `reach` pixels among those that count; `width` and `height` are pixels of the box. */
  nearest(
    x: number,
    y: number,
    reach: number,
    width: number,
    height: number,
    counts: (dot: number) => boolean,
  ): number | null {
    const side = this.#side;
    const at = (share: number): number => Math.max(0, Math.min(side - 1, Math.floor(share * side)));
    const [left, right] = [at(x - reach / width), at(x + reach / width)];
    let [best, least] = [null as number | null, reach * reach];
    for (let row = at(y - reach / height); row <= at(y + reach / height); row++) {
      for (let i = this.#start[row * side + left]!, end = this.#start[row * side + right + 1]!; i < end; i++) {
        const dot = this.#items[i]!;
        const [dx, dy] = [(this.#positions[2 * dot]! - x) * width, (this.#positions[2 * dot + 1]! - y) * height];
        const distance = dx * dx + dy * dy;
        if (distance <= least && counts(dot)) [best, least] = [dot, distance];
      }
    }
    return best;
  }
}
