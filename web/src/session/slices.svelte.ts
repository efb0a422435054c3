// Scopes that the user has named, kept in this browser for each run.
import { decodeScope, encodeScope } from '../selection/address';
import type { Scope } from '../selection/scope';
import type { RunInfo } from '../io/wire';

export interface Slice {
  readonly name: string;
  readonly scope: Scope;
}

const keyOf = (run: RunInfo): string => `vitscope-slices/${run.runId}`;

export class Slices {
  list = $state.raw<readonly Slice[]>([]);
  readonly #key: string;

  constructor(run: RunInfo) {
    this.#key = keyOf(run);
    this.list = restored(this.#key, run);
  }

  /** Keep a scope under a name; the one that had the name before is replaced. */
  save(name: string, scope: Scope): void {
    this.#set([...this.list.filter((slice) => slice.name !== name), { name, scope }]);
  }

  rename(name: string, to: string): void {
    const others = this.list.filter((slice) => slice.name !== to || slice.name === name);
    this.#set(others.map((slice) => (slice.name === name ? { ...slice, name: to } : slice)));
  }

  remove(name: string): void {
    this.#set(this.list.filter((slice) => slice.name !== name));
  }

  #set(list: readonly Slice[]): void {
    this.list = list;
    try {
      localStorage.setItem(this.#key, JSON.stringify(list.map(({ name, scope }) => [name, encodeScope(scope)])));
    } catch {
      // storage is blocked or full: the slices hold until the page is closed
    }
  }
}

/** What was kept, as far as it can be read and is of this run. */
function restored(key: string, run: RunInfo): Slice[] {
  try {
    const pairs: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    if (!Array.isArray(pairs)) return [];
    return pairs.flatMap(([name, text]: [string, string]) => {
      const scope = decodeScope(String(text), run);
      return scope ? [{ name: String(name), scope }] : [];
    });
  } catch {
    return [];
  }
}
