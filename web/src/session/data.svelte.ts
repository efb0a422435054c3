// The answers of a run as the views read them: each by its name, fetched when it is first read, never on hover.
import { question, type AnswerName, type Arguments, type Result } from '../io/answers';
import type { DataSource } from '../io/source';
import type { ProgressInfo } from '../io/wire';
import { Cache, WAITING, type Loaded } from './cache.svelte';

/** How an answer is fetched and held, where that is not as soon as it is read, anew with every shard that lands. */
interface Policy {
  /** So many are held; of more, those read longest ago go first. */
  readonly most?: number;
  /** It is of one image: nothing of it grows with the run. */
  readonly lasting?: true;
  /** Not before the first answer is on the screen, in whose way it would stand; of `large` runs only. */
  readonly later?: 'always' | 'large';
  /** A newer question gives up the one before, of the answers in this group. */
  readonly newest?: 'rows' | 'matrix' | 'rollout';
}

const POLICIES: Partial<Record<AnswerName, Policy>> = {
  summary: { most: 16 },
  ranking: { most: 16 },
  why: { later: 'always' },
  importance: { later: 'large' },
  strength: { later: 'always' },
  spread: { later: 'always' },
  layout: { most: 16, later: 'always' },
  mean: { most: Infinity, later: 'always' },
  attention: { most: 48, lasting: true, newest: 'rows' },
  matrix: { most: 24, lasting: true, newest: 'matrix' },
  rollout: { most: 48, lasting: true, newest: 'rollout' },
  class_map: { most: 48, lasting: true, newest: 'rollout' },
  patterns: { most: 6, later: 'always' },
  pattern_points: { most: 6, later: 'always' },
  pattern_glyphs: { most: 6, later: 'always' },
  nearest_matrices: { most: 32 },
  depth: { most: 16 },
  resolution_column: { most: 48 },
  resolution_map: { most: 48 },
};
/** Of all answers without a policy of their own, held in one cache. */
const MOST_OTHERS = 128;
const MOST = 64;
/** In an image's own answers nothing grows with the run. */
const FOR_EVER = 0;

export class Data {
  readonly source: DataSource;
  /** How far the run is: what is over images is fetched anew when it rises. */
  generation = $state(0);
  /** The first answer is on the screen: what is bulky may be fetched now, and not before, or it would stand in its way. */
  opened = $state(false);
  // Made with the data: state that is made inside a derived does not tell that derived when it changes.
  readonly #caches = new Map<string, Cache<unknown>>();
  readonly #others = new Cache<unknown>(MOST_OTHERS);
  /** The values of a `large` run wait as well: a summary over all its images is shown first. */
  readonly #large: boolean;

  constructor(source: DataSource, progress: ProgressInfo, large: boolean) {
    this.source = source;
    this.#large = large;
    this.generation = progress.generation;
    for (const [name, { newest, most }] of Object.entries(POLICIES))
      this.#caches.set(newest ?? name, new Cache(most ?? MOST));
  }

  /** An answer; null while it is on its way. */
  get<Name extends AnswerName>(name: Name, given: Arguments<Name>): Loaded<Result<Name>> {
    const { later, newest, lasting } = POLICIES[name] ?? {};
    if (!this.opened && (later === 'always' || (later === 'large' && this.#large))) return WAITING;
    const [cache, key] = [this.#cache<Result<Name>>(name), question(name, given)];
    if (newest) cache.only(key);
    return cache.read(key, lasting ? FOR_EVER : this.generation, (signal) => this.source.get(name, given, signal));
  }

  /** The same if it was asked for before: fetches nothing. */
  peek<Name extends AnswerName>(name: Name, given: Arguments<Name>): Result<Name> | null {
    return this.#cache<Result<Name>>(name).peek(question(name, given));
  }

  /** Ask for what is shown first before there is a page that reads it. */
  ahead<Name extends AnswerName>(name: Name, given: Arguments<Name>): Promise<void> {
    const key = question(name, given);
    return this.#cache<Result<Name>>(name).ahead(key, this.generation, (signal) =>
      this.source.get(name, given, signal),
    );
  }

  /** Name a cluster of the run's own, in the run itself; what shows it is told. */
  async renameCluster(cluster: number, name: string | null): Promise<void> {
    const told = await this.source.renameCluster(cluster, name);
    this.#cache('patterns').put(question('patterns', {}), this.generation, told);
  }

  /** Ask again for what failed. */
  retry(): void {
    for (const cache of [...this.#caches.values(), this.#others]) cache.retry();
  }

  #cache<T>(name: AnswerName): Cache<T> {
    return (this.#caches.get(POLICIES[name]?.newest ?? name) ?? this.#others) as Cache<T>;
  }
}
