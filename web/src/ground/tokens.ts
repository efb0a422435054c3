// Token layout: which index is which token, and how a token is called.
import type { TokenInfo } from '../io/wire';

export interface Patch {
  readonly row: number;
  readonly col: number;
}

export const patchCount = (tokens: TokenInfo): number => tokens.rows * tokens.cols;
export const tokenCount = (tokens: TokenInfo): number => tokens.prefix.length + patchCount(tokens);

/** Token index of a patch. */
export const tokenAt = (tokens: TokenInfo, { row, col }: Patch): number =>
  tokens.prefix.length + row * tokens.cols + col;

/** The patch a token is, or null for a prefix token. */
export function patchAt(tokens: TokenInfo, token: number): Patch | null {
  const index = token - tokens.prefix.length;
  return index < 0 ? null : { row: Math.floor(index / tokens.cols), col: index % tokens.cols };
}

/** Where a look at an image starts: CLS, or the patch in the middle where there is none. */
export function defaultQuery(tokens: TokenInfo): number {
  return tokens.cls ?? tokenAt(tokens, { row: Math.floor(tokens.rows / 2), col: Math.floor(tokens.cols / 2) });
}

/** `CLS`, `reg1`, or `patch (6, 8)`: row, column, counted from 0. */
export function tokenName(tokens: TokenInfo, token: number): string {
  if (token === tokens.cls) return 'CLS';
  const patch = patchAt(tokens, token);
  return patch ? `patch (${patch.row}, ${patch.col})` : (tokens.prefix[token] ?? `token ${token}`);
}
