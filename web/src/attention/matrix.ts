// A T x T attention matrix as a drawing: where each query-key pair stands, what its regions sum to, coarser levels of it.
import type { TokenInfo } from '../io/wire';
import { patchAt, patchCount, tokenAt, tokenName, type Patch } from '../ground/tokens';

export interface Pair {
  readonly query: number;
  readonly key: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Cells of a drawing and the pairs they stand for; cells without a pair are gaps. */
export interface Arrangement {
  readonly width: number;
  readonly height: number;
  pairAt(x: number, y: number): Pair | null;
  /** The cells of a pair. */
  cellOf(pair: Pair): Box | null;
  /** Where all of a query, or of a key, stands. */
  queryBox(token: number): Box | null;
  keyBox(token: number): Box | null;
  /** Maps that stand apart, with what they show. */
  readonly apart: readonly { readonly x: number; readonly y: number; readonly text: string }[];
}

/** Queries down, keys across; a gap of one cell between CLS, other prefix tokens and patches marks the regions. */
export function sequence(size: number, tokens: TokenInfo | null): Arrangement {
  const borders = !tokens
    ? []
    : [...new Set([tokens.cls === 0 ? 1 : 0, tokens.prefix.length])].filter((at) => at > 0 && at < size);
  const cell = (token: number): number => token + borders.filter((border) => token >= border).length;
  const side = size + borders.length;
  const tokenOf = new Int32Array(side).fill(-1);
  for (let token = 0; token < size; token++) tokenOf[cell(token)] = token;
  const inside = (token: number): boolean => token >= 0 && token < size;
  return {
    width: side,
    height: side,
    pairAt(x, y) {
      const [query, key] = [tokenOf[y] ?? -1, tokenOf[x] ?? -1];
      return query < 0 || key < 0 ? null : { query, key };
    },
    cellOf: ({ query, key }) =>
      inside(query) && inside(key) ? { x: cell(key), y: cell(query), width: 1, height: 1 } : null,
    queryBox: (token) => (inside(token) ? { x: 0, y: cell(token), width: side, height: 1 } : null),
    keyBox: (token) => (inside(token) ? { x: cell(token), y: 0, width: 1, height: side } : null),
    apart: [],
  };
}

const LABEL = 14;

/**
 * The image's own two dimensions: each query patch at its place, as a small map of the keys it looks at. To the left, for
 * each prefix token, where it looks and who looks at it, enlarged at most `most` times.
 */
export function imageGrid(tokens: TokenInfo, most = 3): Arrangement {
  const { rows, cols, prefix } = tokens;
  const [stepX, stepY] = [cols + 1, rows + 1];
  const [gridWidth, gridHeight] = [cols * stepX - 1, rows * stepY - 1];
  const maps = 2 * prefix.length;
  const room = maps ? gridHeight / maps - LABEL : 0;
  const enlarged = Math.max(1, Math.min(most, Math.floor(room / rows)));
  const left = maps ? cols * enlarged + 6 : 0;
  const step = rows * enlarged + LABEL;
  // names need more room than a map of one cell a key
  const apart = (enlarged > 1 ? prefix : []).flatMap((_, token) =>
    [`${tokenName(tokens, token)} →`, `→ ${tokenName(tokens, token)}`].map((text, i) => ({
      x: 0,
      y: (2 * token + i) * step,
      text,
    })),
  );
  const apartCell = (map: number, { row, col }: Patch): Box => ({
    x: col * enlarged,
    y: map * step + LABEL + row * enlarged,
    width: enlarged,
    height: enlarged,
  });
  return {
    width: left + gridWidth,
    height: Math.max(gridHeight, maps * step),
    apart,
    pairAt(x, y) {
      if (x < left) {
        const map = Math.floor(y / step);
        const row = Math.floor((y - map * step - LABEL) / enlarged);
        const col = Math.floor(x / enlarged);
        if (x < 0 || y < 0 || map >= maps || row < 0 || row >= rows || col >= cols) return null;
        const [token, patch] = [map >> 1, tokenAt(tokens, { row, col })];
        return map % 2 ? { query: patch, key: token } : { query: token, key: patch };
      }
      const [u, v] = [x - left, y];
      const [queryCol, queryRow] = [Math.floor(u / stepX), Math.floor(v / stepY)];
      const [keyCol, keyRow] = [u % stepX, v % stepY];
      if (v < 0 || queryCol >= cols || queryRow >= rows || keyCol >= cols || keyRow >= rows) return null;
      return {
        query: tokenAt(tokens, { row: queryRow, col: queryCol }),
        key: tokenAt(tokens, { row: keyRow, col: keyCol }),
      };
    },
    cellOf({ query, key }) {
      const [from, to] = [patchAt(tokens, query), patchAt(tokens, key)];
      if (from && to) return { x: left + from.col * stepX + to.col, y: from.row * stepY + to.row, width: 1, height: 1 };
      const patch = to ?? from;
      if (!patch) return null; // of two prefix tokens: the margins have it
      return apartCell(to ? 2 * query : 2 * key + 1, patch);
    },
    queryBox(token) {
      const patch = patchAt(tokens, token);
      if (patch) return { x: left + patch.col * stepX, y: patch.row * stepY, width: cols, height: rows };
      return { x: 0, y: 2 * token * step + LABEL, width: cols * enlarged, height: rows * enlarged };
    },
    keyBox(token) {
      const patch = patchAt(tokens, token);
      if (patch) return maps ? apartCell(0, patch) : null;
      return { x: 0, y: (2 * token + 1) * step + LABEL, width: cols * enlarged, height: rows * enlarged };
    },
  };
}

/** The values of an arrangement, row after row; NaN in gaps. */
export function raster(values: Float32Array, size: number, arrangement: Arrangement): Float32Array {
  const { width, height } = arrangement;
  const cells = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pair = arrangement.pairAt(x, y);
      cells[y * width + x] = pair ? values[pair.query * size + pair.key]! : NaN;
    }
  }
  return cells;
}

/** A coarser level: the largest of every `factor` x `factor` cells; NaN only where all are. */
export function maxPooled(cells: Float32Array, width: number, height: number, factor: number): Float32Array {
  const [cols, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const pooled = new Float32Array(cols * rows).fill(NaN);
  for (let y = 0; y < height; y++) {
    const start = Math.floor(y / factor) * cols;
    for (let x = 0; x < width; x++) {
      const value = cells[y * width + x]!;
      const at = start + Math.floor(x / factor);
      if (!(pooled[at]! >= value) && value === value) pooled[at] = value;
    }
  }
  return pooled;
}

export interface RegionShare {
  readonly from: string;
  readonly to: string;
  /** Mean over the queries of the region of what they give to its keys together. */
  readonly share: number;
}

/** How much CLS, patches and other prefix tokens give to each other; what comes from one kind of query sums to 1. */
export function regionShares(values: Float32Array, size: number, tokens: TokenInfo): RegionShare[] {
  const others = tokens.prefix.map((_, token) => token).filter((token) => token !== tokens.cls);
  const patches = Array.from({ length: patchCount(tokens) }, (_, i) => tokens.prefix.length + i);
  const groups = [
    { name: 'CLS', list: tokens.cls === null ? [] : [tokens.cls] },
    { name: 'other', list: others },
    { name: 'patches', list: patches },
  ].filter(({ list }) => list.length > 0);
  return groups.flatMap((from) =>
    groups.map((to) => {
      let sum = 0;
      for (const query of from.list) for (const key of to.list) sum += values[query * size + key]!;
      return { from: from.name, to: to.name, share: sum / from.list.length };
    }),
  );
}

/** The next pair from a box in a direction, across gaps; null at the rim. */
export function pairBeside(arrangement: Arrangement, box: Box, [dx, dy]: readonly [number, number]): Pair | null {
  let [x, y] = [dx > 0 ? box.x + box.width : box.x + dx, dy > 0 ? box.y + box.height : box.y + dy];
  while (x >= 0 && y >= 0 && x < arrangement.width && y < arrangement.height) {
    const pair = arrangement.pairAt(x, y);
    if (pair) return pair;
    x += dx;
    y += dy;
  }
  return null;
}
