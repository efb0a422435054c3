// The run behind a `vitscope serve`, over HTTP. Columns are revalidated: an unchanged one costs a 304.
import type { Summary } from '../stats/kernels';
import type { ClassMapKind } from '../attention/class_maps';
import type { HeadRef } from '../ground/head_ref';
import type { Direction } from '../selection/state';
import { fromFloat16 } from './float16';
import { fromLog8 } from './log8';
import {
  Failure,
  type ClassMapChoice,
  type DataSource,
  type DepthCurves,
  type Layout,
  type MeanMatrices,
  type PatternPoints,
  type RolloutChoice,
  type SizeColumn,
} from './source';
import type { PatternColumn, StrengthName } from './quantities.gen';
import type {
  DroppedImage,
  ErrorBody,
  Headline,
  HeadsInfo,
  HeadTree,
  ImageTable,
  NearMatrix,
  PatternsInfo,
  ProgressInfo,
  ResolutionInfo,
  RunInfo,
  SizedImage,
  TypicalImages,
} from './wire';

export class LiveSource implements DataSource {
  readonly #base: string;

  constructor(base = './api') {
    this.#base = base;
  }

  run(): Promise<RunInfo> {
    return this.#json('run');
  }

  progress(): Promise<ProgressInfo> {
    return this.#json('progress');
  }

  images(): Promise<ImageTable> {
    return this.#json('images');
  }

  async headline(): Promise<string | null> {
    return (await this.#json<Headline>('headline')).text;
  }

  async summary(metric: string, mode: string, signal: AbortSignal): Promise<Summary> {
    const values = new Float64Array(await this.#bytes(`summary/${metric}/${encodeURIComponent(mode)}`, signal));
    const size = values.length / 6;
    const [n, mean, median, q1, q3, consistency] = [0, 1, 2, 3, 4, 5].map((at) =>
      values.subarray(at * size, (at + 1) * size),
    );
    return { n: Int32Array.from(n!), mean: mean!, median: median!, q1: q1!, q3: q3!, consistency: consistency! };
  }

  async importance(metric: string, mode: string, signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`importance/${metric}/${encodeURIComponent(mode)}`, signal));
  }

  async strength(kind: StrengthName, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`strength/${kind}`, signal));
  }

  async spread(measure: string, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`spread/${measure}`, signal));
  }

  async layout(map: string, signal: AbortSignal): Promise<Layout> {
    const [source, method, metric, mode] = map.split('/') as [string, string, string?, string?];
    const asked = metric && mode ? `?metric=${metric}&mode=${encodeURIComponent(mode)}` : '';
    const response = await this.#answer(`layout/${source}/${method}${asked}`, { signal });
    return {
      positions: new Float32Array(await response.arrayBuffer()),
      trustworthiness: Number(response.headers.get('x-trustworthiness') ?? NaN),
      continuity: Number(response.headers.get('x-continuity') ?? NaN),
    };
  }

  async levels(signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes('levels', signal));
  }

  async meanMatrices(layer: number, signal: AbortSignal): Promise<MeanMatrices> {
    const response = await this.#answer(`mean/${layer}`, { signal });
    const size = Number(response.headers.get('x-shape')!.split(',')[1]);
    return { values: fromLog8(await response.arrayBuffer()), size, pooled: response.headers.has('x-pooled') };
  }

  async attention(image: number, query: number, direction: Direction, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`attention/${image}?query=${query}&direction=${direction}`, signal));
  }

  async matrix(image: number, layer: number, head: number, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`matrix/${image}/${layer}/${head}`, signal));
  }

  async rollout(image: number, choice: RolloutChoice, signal: AbortSignal): Promise<Float32Array> {
    const asked = new URLSearchParams(Object.entries(choice).map(([key, value]) => [key, String(value)]));
    return new Float32Array(await this.#bytes(`rollout/${image}?${asked}`, signal));
  }

  async classMap(
    image: number,
    kind: ClassMapKind,
    target: number,
    choice: ClassMapChoice,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const asked = new URLSearchParams(
      Object.entries({ target, ...choice }).map(([key, value]) => [key, String(value)]),
    );
    return new Float32Array(await this.#bytes(`class_map/${kind}/${image}?${asked}`, signal));
  }

  patterns(k: number, signal: AbortSignal): Promise<PatternsInfo> {
    return this.#json(inClusters('patterns', k), signal);
  }

  async patternPoints(k: number, signal: AbortSignal): Promise<PatternPoints> {
    const bytes = await this.#bytes(inClusters('patterns/points', k), signal);
    const n = bytes.byteLength / 14;
    const [x, y, distance] = [0, 1, 2].map((at) => new Float32Array(bytes, 4 * n * at, n)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    return { x, y, distance, cluster: new Uint8Array(bytes, 12 * n, n), pattern: new Uint8Array(bytes, 13 * n, n) };
  }

  async patternGlyphs(k: number, signal: AbortSignal): Promise<Float32Array> {
    return fromLog8(await this.#bytes(inClusters('patterns/glyphs', k), signal));
  }

  async patternMatrix(matrix: number, signal: AbortSignal): Promise<Float32Array> {
    return fromLog8(await this.#bytes(`patterns/matrix/${matrix}`, signal));
  }

  nearestMatrices(matrix: number, n: number, signal: AbortSignal): Promise<readonly NearMatrix[]> {
    return this.#json(`patterns/nearest/${matrix}?n=${n}`, signal);
  }

  typicalImages({ layer, head }: HeadRef, signal: AbortSignal): Promise<TypicalImages> {
    return this.#json(`patterns/typical/${layer}/${head}`, signal);
  }

  async patternColumn(what: PatternColumn, signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`patterns/${what}`, signal));
  }

  resolution(signal: AbortSignal): Promise<ResolutionInfo> {
    return this.#json('resolution', signal);
  }

  async resolutionColumn(what: SizeColumn, signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`resolution/${what}`, signal));
  }

  async resolutionMap(size: number, image: number | null, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(
      await this.#bytes(image === null ? `resolution/mean/${size}` : `resolution/map/${size}/${image}`, signal),
    );
  }

  sizedImage(image: number, size: string, signal: AbortSignal): Promise<SizedImage> {
    return this.#json(`resolution/live/${image}/${size}`, signal);
  }

  async sizedRows(image: number, size: string, query: number, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`resolution/live/${image}/${size}/rows?query=${query}`, signal));
  }

  async renameCluster(cluster: number, name: string | null): Promise<PatternsInfo> {
    const options = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) };
    return (await this.#answer(`patterns/names/${cluster}`, options)).json() as Promise<PatternsInfo>;
  }

  heads(signal: AbortSignal): Promise<HeadsInfo> {
    return this.#json('heads', signal);
  }

  async headDiversity(variant: string, signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`heads/diversity/${variant}`, signal));
  }

  async headSimilarity(by: string, signal: AbortSignal): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`heads/similarity/${by}`, signal));
  }

  headTree(by: string, signal: AbortSignal): Promise<HeadTree> {
    return this.#json(`heads/tree/${by}`, signal);
  }

  async headDepth(metric: string, mode: string, signal: AbortSignal): Promise<DepthCurves> {
    const response = await this.#answer(`heads/depth/${metric}/${encodeURIComponent(mode)}`, { signal });
    return { values: new Float32Array(await response.arrayBuffer()), n: Number(response.headers.get('x-n') ?? NaN) };
  }

  async drop(file: File): Promise<DroppedImage> {
    const asked = `dropped?name=${encodeURIComponent(file.name)}`;
    return (await this.#answer(asked, { method: 'POST', body: file })).json() as Promise<DroppedImage>;
  }

  preview(image: number): string {
    return `${this.#base}/preview/${image}`;
  }

  thumbs(page: number): string {
    return `${this.#base}/thumbs/${page}`;
  }

  async #json<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.#answer(path, signal ? { signal } : {})).json() as Promise<T>;
  }

  async #bytes(path: string, signal: AbortSignal): Promise<ArrayBuffer> {
    return (await this.#answer(path, { signal })).arrayBuffer();
  }

  async #answer(path: string, options: RequestInit = {}): Promise<Response> {
    await ownTask();
    let response: Response;
    try {
      response = await fetch(`${this.#base}/${path}`, options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Failure({
        code: 'unreachable',
        message: 'The server does not answer.',
        hint: 'Is vitscope serve still running? Start it again.',
      });
    }
    if (response.ok) return response;
    throw new Failure(await problem(response));
  }
}

/** Sending a request takes milliseconds: it is no part of the task that answers a gesture. */
const ownTask = (): Promise<void> => new Promise((begin) => setTimeout(begin));

async function problem(response: Response): Promise<ErrorBody> {
  try {
    return (await response.json()) as ErrorBody;
  } catch {
    return { code: 'unreadable', message: `The server answered ${response.status}.`, hint: 'Its log says more.' };
  }
}

/** Patterns in so many clusters; 0 = in those that the run chose. */
const inClusters = (path: string, k: number): string => (k ? `${path}?k=${k}` : path);
