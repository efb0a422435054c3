// The numbers of a run as the views read them: each array by its name, fetched when it is first read, never on hover.
import type { Summary } from '../stats/kernels';
import type { ClassMapKind } from '../attention/class_maps';
import type { HeadRef } from '../ground/head_ref';
import type { Direction } from '../selection/state';
import type {
  ClassMapChoice,
  DataSource,
  DepthCurves,
  Layout,
  MeanMatrices,
  PatternPoints,
  RolloutChoice,
  SizeColumn,
} from '../io/source';
import type { PatternColumn, StrengthName } from '../io/quantities.gen';
import type {
  HeadsInfo,
  HeadTree,
  NearMatrix,
  PatternsInfo,
  ProgressInfo,
  ResolutionInfo,
  TypicalImages,
} from '../io/wire';
import { Cache, WAITING, type Loaded } from './cache.svelte';

/** In an image's own caches nothing grows with the run. */
const FOR_EVER = 0;

export class Data {
  readonly source: DataSource;
  /** How far the run is: arrays over images are fetched anew when it rises. */
  generation = $state(0);
  /** The first answer is on the screen: what is bulky may be fetched now, and not before, or it would stand in its way. */
  opened = $state(false);
  readonly #columns = new Cache<Float32Array>(64);
  readonly #headline = new Cache<string | null>();
  readonly #summaries = new Cache<Summary>(16);
  readonly #layouts = new Cache<Layout>(16);
  readonly #means = new Cache<MeanMatrices>();
  readonly #rows = new Cache<Float32Array>(48);
  readonly #matrices = new Cache<Float32Array>(24);
  readonly #rollouts = new Cache<Float32Array>(48);
  readonly #patterns = new Cache<PatternsInfo>(6);
  readonly #points = new Cache<PatternPoints>(6);
  readonly #sampled = new Cache<Float32Array>(64);
  readonly #nearest = new Cache<readonly NearMatrix[]>(32);
  readonly #typical = new Cache<TypicalImages>(64);
  readonly #heads = new Cache<HeadsInfo>();
  readonly #trees = new Cache<HeadTree>();
  readonly #depths = new Cache<DepthCurves>(16);
  readonly #resolution = new Cache<ResolutionInfo>();
  readonly #sizes = new Cache<Float32Array>(48);

  /** The values of a `large` run wait as well: a summary over all its images is shown first. */
  readonly #large: boolean;

  constructor(source: DataSource, progress: ProgressInfo, large: boolean) {
    this.source = source;
    this.#large = large;
    this.generation = progress.generation;
  }

  headline(): Loaded<string | null> {
    return this.#headline.read('', this.generation, () => this.source.headline());
  }

  summary(metric: string, mode: string): Loaded<Summary> {
    const key = `${metric}/${mode}`;
    return this.#summaries.read(key, this.generation, (signal) => this.source.summary(metric, mode, signal));
  }

  /** Ask for what is shown first before there is a page that reads it. */
  summaryAhead(metric: string, mode: string): Promise<void> {
    return this.#summaries.ahead(`${metric}/${mode}`, this.generation, (signal) =>
      this.source.summary(metric, mode, signal),
    );
  }

  /** The summary if it was asked for before the values came. */
  peekSummary(metric: string, mode: string): Summary | null {
    return this.#summaries.peek(`${metric}/${mode}`);
  }

  importance(metric: string, mode: string): Loaded<Float32Array> {
    if (this.#large && !this.opened) return WAITING;
    return this.#column(`importance/${metric}/${mode}`, (signal) => this.source.importance(metric, mode, signal));
  }

  strength(kind: StrengthName): Loaded<Float32Array> {
    if (!this.opened) return WAITING;
    return this.#column(`strength/${kind}`, (signal) => this.source.strength(kind, signal));
  }

  spread(measure: string): Loaded<Float32Array> {
    if (!this.opened) return WAITING;
    return this.#column(`spread/${measure}`, (signal) => this.source.spread(measure, signal));
  }

  levels(): Loaded<Float32Array> {
    return this.#column('levels', (signal) => this.source.levels(signal));
  }

  layout(map: string): Loaded<Layout> {
    if (!this.opened) return WAITING;
    return this.#layouts.read(map, this.generation, (signal) => this.source.layout(map, signal));
  }

  meanMatrices(layer: number): Loaded<MeanMatrices> {
    if (!this.opened) return WAITING;
    return this.#means.read(String(layer), this.generation, (signal) => this.source.meanMatrices(layer, signal));
  }

  /** The same if another view has them already: choosing a head fetches nothing. */
  peekMeanMatrices(layer: number): MeanMatrices | null {
    return this.#means.peek(String(layer));
  }

  /** Attention of every head for one token; a newer question gives up the one before. */
  rows(image: number, query: number, direction: Direction): Loaded<Float32Array> {
    const key = `${image}/${query}/${direction}`;
    this.#rows.only(key);
    return this.#rows.read(key, FOR_EVER, (signal) => this.source.attention(image, query, direction, signal));
  }

  matrix(image: number, layer: number, head: number): Loaded<Float32Array> {
    const key = `${image}/${layer}/${head}`;
    this.#matrices.only(key);
    return this.#matrices.read(key, FOR_EVER, (signal) => this.source.matrix(image, layer, head, signal));
  }

  rollout(image: number, choice: RolloutChoice): Loaded<Float32Array> {
    const key = `${image}/${Object.values(choice).join('/')}`;
    this.#rollouts.only(key);
    return this.#rollouts.read(key, FOR_EVER, (signal) => this.source.rollout(image, choice, signal));
  }

  /** A map of one class after each layer; -1 = the model's own top class. */
  classMap(image: number, kind: ClassMapKind, target: number, choice: ClassMapChoice): Loaded<Float32Array> {
    const key = `${kind}/${image}/${target}/${Object.values(choice).join('/')}`;
    this.#rollouts.only(key);
    return this.#rollouts.read(key, FOR_EVER, (signal) => this.source.classMap(image, kind, target, choice, signal));
  }

  /** In `k` clusters; 0 = in those that the run chose. */
  patterns(k: number): Loaded<PatternsInfo> {
    if (!this.opened) return WAITING;
    return this.#patterns.read(String(k), this.generation, (signal) => this.source.patterns(k, signal));
  }

  patternPoints(k: number): Loaded<PatternPoints> {
    if (!this.opened) return WAITING;
    return this.#points.read(String(k), this.generation, (signal) => this.source.patternPoints(k, signal));
  }

  /** Medoids and prototypes [2, cluster, 66, 66]. */
  patternGlyphs(k: number): Loaded<Float32Array> {
    if (!this.opened) return WAITING;
    return this.#column(`patterns/glyphs/${k}`, (signal) => this.source.patternGlyphs(k, signal));
  }

  patternColumn(what: PatternColumn): Loaded<Float32Array> {
    return this.#column(`patterns/${what}`, (signal) => this.source.patternColumn(what, signal));
  }

  patternMatrix(matrix: number): Loaded<Float32Array> {
    return this.#sampled.read(String(matrix), this.generation, (signal) => this.source.patternMatrix(matrix, signal));
  }

  nearestMatrices(matrix: number, n: number): Loaded<readonly NearMatrix[]> {
    return this.#nearest.read(`${matrix}/${n}`, this.generation, (signal) =>
      this.source.nearestMatrices(matrix, n, signal),
    );
  }

  typicalImages(head: HeadRef): Loaded<TypicalImages> {
    return this.#typical.read(`${head.layer}.${head.head}`, this.generation, (signal) =>
      this.source.typicalImages(head, signal),
    );
  }

  heads(): Loaded<HeadsInfo> {
    return this.#heads.read('', this.generation, (signal) => this.source.heads(signal));
  }

  headDiversity(variant: string): Loaded<Float32Array> {
    return this.#column(`heads/diversity/${variant}`, (signal) => this.source.headDiversity(variant, signal));
  }

  headSimilarity(by: string): Loaded<Float32Array> {
    return this.#column(`heads/similarity/${by}`, (signal) => this.source.headSimilarity(by, signal));
  }

  headTree(by: string): Loaded<HeadTree> {
    return this.#trees.read(by, this.generation, (signal) => this.source.headTree(by, signal));
  }

  headDepth(metric: string, mode: string): Loaded<DepthCurves> {
    return this.#depths.read(`${metric}/${mode}`, this.generation, (signal) =>
      this.source.headDepth(metric, mode, signal),
    );
  }

  /** The comparison of input sizes that the run carries. */
  resolution(): Loaded<ResolutionInfo> {
    return this.#resolution.read('', this.generation, (signal) => this.source.resolution(signal));
  }

  resolutionColumn(what: SizeColumn): Loaded<Float32Array> {
    return this.#sizes.read(what, this.generation, (signal) => this.source.resolutionColumn(what, signal));
  }

  /** Null for the mean over the comparison's images. */
  resolutionMap(size: number, image: number | null): Loaded<Float32Array> {
    return this.#sizes.read(`${size}/${image ?? 'mean'}`, this.generation, (signal) =>
      this.source.resolutionMap(size, image, signal),
    );
  }

  /** Name a cluster of the run's own, in the run itself; what shows it is told. */
  async renameCluster(cluster: number, name: string | null): Promise<void> {
    this.#patterns.put('0', this.generation, await this.source.renameCluster(cluster, name));
  }

  /** Ask again for what failed. */
  retry(): void {
    for (const cache of [
      this.#headline,
      this.#summaries,
      this.#columns,
      this.#layouts,
      this.#means,
      this.#rows,
      this.#matrices,
      this.#rollouts,
      this.#patterns,
      this.#points,
      this.#sampled,
      this.#nearest,
      this.#typical,
      this.#heads,
      this.#trees,
      this.#depths,
      this.#resolution,
      this.#sizes,
    ])
      cache.retry();
  }

  #column(key: string, load: (signal: AbortSignal) => Promise<Float32Array>): Loaded<Float32Array> {
    return this.#columns.read(key, this.generation, load);
  }
}
