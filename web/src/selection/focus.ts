// What the app looks at when the user has not said: which image comes first, and which token asks.
import { shortName } from '../ground/run';
import { defaultQuery } from '../ground/tokens';
import type { ImageTable, RunInfo } from '../io/wire';
import { EVERYTHING, rowsInScope } from './scope';
import type { State } from './state';

export interface ClassCount {
  readonly target: number;
  readonly name: string;
  readonly n: number;
}

/** The classes that occur among the images that are done, by name. */
export function classCounts(images: ImageTable): ClassCount[] {
  const counts = new Map<number, number>();
  for (const row of rowsInScope(images, EVERYTHING).rows) {
    const target = images.target[row]!;
    if (target >= 0) counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  const list = [...counts].map(([target, n]) => ({ target, name: shortName(images, target), n }));
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * The image to start with: the most confident wrong one, because it asks for an explanation; else the one on which
 * pruning changes most over all heads. Null when nothing is in scope.
 */
export function firstImage(images: ImageTable, rows: Int32Array, totals: Float32Array | null): number | null {
  let best: number | null = null;
  for (const row of rows) {
    if (images.correct[row] !== false) continue;
    if (best === null || (images.probability[row] ?? 0) > (images.probability[best] ?? 0)) best = row;
  }
  if (best !== null || !totals) return best ?? rows[0] ?? null;
  let most = -Infinity;
  for (const row of rows) if (totals[row]! > most) [best, most] = [row, totals[row]!];
  return best ?? rows[0] ?? null;
}

/** The row `step` places further in the list, from a row that need not be in it; stays at the ends. */
export function neighbour(rows: Int32Array, row: number | null, step: 1 | -1): number | null {
  const at = row === null ? -1 : rows.indexOf(row);
  if (at >= 0) return rows[Math.max(0, Math.min(rows.length - 1, at + step))] ?? null;
  const following = rows.findIndex((other) => other > (row ?? -1));
  return (step > 0 ? rows[following] : rows[(following < 0 ? rows.length : following) - 1]) ?? rows[0] ?? null;
}

/** The query in force: the chosen one or the layout's default. */
export const queryOf = (state: State, run: RunInfo): number => state.query ?? defaultQuery(run.tokens);
