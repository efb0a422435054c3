// One token's attention over all heads, as the server sends it: [layer, head, key], NaN = not stored.
import type { TokenInfo } from '../io/wire';
import type { Direction } from '../selection/state';
import { patchCount, tokenCount } from '../ground/tokens';

export interface Rows {
  readonly values: Float32Array;
  readonly layers: number;
  readonly heads: number;
  readonly tokens: TokenInfo;
}

/** And whose they are: what this token attends to (`from`), or what attends to it (`to`). */
export interface RowsOfToken extends Rows {
  readonly query: number;
  readonly direction: Direction;
}

/** Patch part of one head's row, row-major over the patch grid. */
export function patchMap(rows: Rows, layer: number, head: number): Float32Array {
  const start = (layer * rows.heads + head) * tokenCount(rows.tokens) + rows.tokens.prefix.length;
  return rows.values.subarray(start, start + patchCount(rows.tokens));
}

/** Weight on one prefix token; NaN where only the patches are stored. */
export function prefixWeight(rows: Rows, layer: number, head: number, token: number): number {
  return rows.values[(layer * rows.heads + head) * tokenCount(rows.tokens) + token] ?? NaN;
}

/** What every token gives every token when attention says nothing. */
export const uniformWeight = (tokens: TokenInfo): number => 1 / tokenCount(tokens);

/** Top of the scale that the maps of a layer share: never below uniform, or nothing would look like much. */
export function layerTop(rows: Rows, layer: number): number {
  let most = uniformWeight(rows.tokens);
  for (let head = 0; head < rows.heads; head++) most = Math.max(most, maximum(patchMap(rows, layer, head)));
  return most;
}

export function maximum(values: Float32Array): number {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
}

export function total(values: Float32Array): number {
  let sum = 0;
  for (const value of values) if (value === value) sum += value;
  return sum;
}
