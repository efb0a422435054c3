import { describe, expect, it } from 'vitest';
import { imageGrid, maxPooled, raster, regionShares, sequence, type Arrangement } from '../src/attention/matrix';
import { tokenCount } from '../src/ground/tokens';
import { run } from './fixtures';

const { tokens } = run(); // CLS, one register, 3 x 5 patches
const size = tokenCount(tokens);
const bare = { ...tokens, prefix: [], cls: null };

function everyPair(cells: Arrangement): Map<string, number> {
  const found = new Map<string, number>();
  for (let y = 0; y < cells.height; y++) {
    for (let x = 0; x < cells.width; x++) {
      const pair = cells.pairAt(x, y);
      if (!pair) continue;
      const name = `${pair.query},${pair.key}`;
      found.set(name, (found.get(name) ?? 0) + 1);
      const box = cells.cellOf(pair);
      const inside = box && x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
      expect(inside, `${name} at ${x},${y}`).toBe(true);
    }
  }
  return found;
}

describe('the sequence', () => {
  it('has every pair once, with gaps between the regions', () => {
    const cells = sequence(size, tokens);
    expect(cells.width).toBe(size + 2);
    expect(everyPair(cells).size).toBe(size * size);
    expect(cells.pairAt(1, 0)).toBeNull();
    expect(cells.pairAt(2, 0)).toEqual({ query: 0, key: 1 });
    expect(cells.pairAt(-1, 0)).toBeNull();
  });
  it('of blocks of tokens has no gaps', () => expect(sequence(8, null).width).toBe(8));
});

describe('the image grid', () => {
  it('has every pair with a patch, and gaps between maps', () => {
    const cells = imageGrid(tokens);
    const pairs = everyPair(cells);
    const patches = 15;
    expect(pairs.size).toBe(patches * patches + 2 * 2 * patches);
    expect(cells.apart).toEqual([]); // no room for names
  });
  it('names the maps that stand apart where they are large enough', () => {
    const photo = { ...tokens, rows: 14, cols: 14 };
    const cells = imageGrid(photo);
    expect(cells.apart.map(({ text }) => text)).toEqual(['CLS →', '→ CLS', 'reg1 →', '→ reg1']);
    expect(cells.cellOf({ query: 0, key: 2 })).toMatchObject({ width: 2, height: 2 });
    expect(imageGrid({ ...photo, prefix: ['cls'] }).cellOf({ query: 0, key: 1 })).toMatchObject({
      x: 0,
      y: 14,
      width: 3,
    });
    everyPair(cells);
  });
  it('stands at the left without prefix tokens', () => {
    const cells = imageGrid(bare);
    expect(cells.pairAt(0, 0)).toEqual({ query: 0, key: 0 });
    expect(cells.pairAt(5, 0)).toBeNull();
    expect(cells.pairAt(6, 0)).toEqual({ query: 1, key: 0 });
    expect([cells.width, cells.height]).toEqual([5 * 6 - 1, 3 * 4 - 1]);
    expect(cells.queryBox(1)).toEqual({ x: 6, y: 0, width: 5, height: 3 });
  });
});

describe('its values', () => {
  const values = Float32Array.from({ length: size * size }, (_, i) => i);
  it('stand where their pairs do', () => {
    for (const cells of [sequence(size, tokens), imageGrid(tokens)]) {
      const drawn = raster(values, size, cells);
      drawn.forEach((value, at) => {
        const pair = cells.pairAt(at % cells.width, Math.floor(at / cells.width));
        if (pair) expect(value).toBe(pair.query * size + pair.key);
        else expect(value).toBeNaN();
      });
    }
  });
  it('are the largest of a coarser level', () => {
    const pooled = maxPooled(Float32Array.from([1, NaN, 5, NaN, NaN, NaN, 2, 7, NaN]), 3, 3, 2);
    expect([...pooled]).toEqual([1, 5, 7, NaN]);
  });
  it('sum to 1 from each kind of token', () => {
    const even = new Float32Array(size * size).fill(1 / size);
    const shares = regionShares(even, size, tokens);
    expect(shares).toHaveLength(9);
    expect(shares.find(({ from, to }) => from === 'CLS' && to === 'patches')!.share).toBeCloseTo(15 / 17, 6);
    for (const from of ['CLS', 'other', 'patches']) {
      const sum = shares.filter((share) => share.from === from).reduce((total, { share }) => total + share, 0);
      expect(sum).toBeCloseTo(1, 5);
    }
    expect(regionShares(new Float32Array(15 * 15), 15, bare)).toHaveLength(1);
  });
});
