// Where the page's data comes from. Views never see this: the session asks, and hands typed arrays down.
import type { Summary } from '../stats/kernels';
import type { ClassMapKind } from '../attention/class_maps';
import type { HeadRef } from '../ground/head_ref';
import type { Direction } from '../selection/state';
import type { PatternColumn, StrengthName } from './quantities.gen';
import type {
  DroppedImage,
  ErrorBody,
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

export interface RolloutChoice {
  readonly query: number;
  readonly direction: Direction;
  readonly fusion: 'mean' | 'max' | 'min';
  readonly residual: number;
  readonly discard: number;
  readonly start: number;
}

/** The same for a map of one class; the last two are LeGrad's. */
export interface ClassMapChoice extends RolloutChoice {
  readonly layers: number;
  readonly reading: 'mean' | 'classifier';
}

export type SizeColumn = 'probability' | 'correct' | 'distance_no_sinks' | 'entropy';

/** Positions of the images on a map [image, 2], and how far the neighbourhoods on it can be trusted, each in 0..1. */
export interface Layout {
  readonly positions: Float32Array;
  readonly trustworthiness: number;
  readonly continuity: number;
}

/** Matrices [head, query, key] of one layer; `size` tokens a side, fewer than the model's where they were pooled. */
export interface MeanMatrices {
  readonly values: Float32Array;
  readonly size: number;
  readonly pooled: boolean;
}

/** One entry a matrix of the sample. */
export interface PatternPoints {
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** To the medoid of its cluster, between codes. */
  readonly distance: Float32Array;
  /** 255 = none. */
  readonly cluster: Uint8Array;
  /** The matrix's own name by rule: place in PatternsInfo.patterns. */
  readonly pattern: Uint8Array;
}

/** Float32 [layer, head, observed]: cosine distance after each layer from the pruned one on; mean over n images. */
export interface DepthCurves {
  readonly values: Float32Array;
  readonly n: number;
}

export interface DataSource {
  run(): Promise<RunInfo>;
  progress(): Promise<ProgressInfo>;
  images(): Promise<ImageTable>;
  /** The run's first answer; null until there is one. */
  headline(): Promise<string | null>;
  /** Over all images, by head place: what can be shown before the images' own values are here. */
  summary(metric: string, mode: string, signal: AbortSignal): Promise<Summary>;
  /** Float32 [image, layer, head]; NaN = not computed. */
  importance(metric: string, mode: string, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [image, layer, head, hop]. */
  strength(kind: StrengthName, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [image, layer, head]. */
  spread(measure: string, signal: AbortSignal): Promise<Float32Array>;
  /** `importance/pca/jsd/head`, `embedding/tsne`: see selection/positions.ts. */
  layout(map: string, signal: AbortSignal): Promise<Layout>;
  /** Float32 [image, layer + 1]: entropy of the head-mean CLS row by layer, then its mean over layers; nats. */
  levels(signal: AbortSignal): Promise<Float32Array>;
  meanMatrices(layer: number, signal: AbortSignal): Promise<MeanMatrices>;
  /** Float32 [layer, head, key] for one token of one image; NaN = not stored. */
  attention(image: number, query: number, direction: Direction, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [query, key]: one head's whole matrix on one image. */
  matrix(image: number, layer: number, head: number, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [layer, key]: rollout up to each layer; NaN before the first. */
  rollout(image: number, choice: RolloutChoice, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [layer, key]: a map of one class up to each layer; NaN before the first. Needs the model. */
  classMap(
    image: number,
    kind: ClassMapKind,
    target: number,
    choice: ClassMapChoice,
    signal: AbortSignal,
  ): Promise<Float32Array>;
  /** In `k` clusters; 0 = in those that the run chose. */
  patterns(k: number, signal: AbortSignal): Promise<PatternsInfo>;
  patternPoints(k: number, signal: AbortSignal): Promise<PatternPoints>;
  /** Float32 [2, cluster, 66, 66]: the medoids, then the prototypes. */
  patternGlyphs(k: number, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [66, 66]: a matrix of the sample at the common size. */
  patternMatrix(matrix: number, signal: AbortSignal): Promise<Float32Array>;
  nearestMatrices(matrix: number, n: number, signal: AbortSignal): Promise<readonly NearMatrix[]>;
  typicalImages(head: HeadRef, signal: AbortSignal): Promise<TypicalImages>;
  /** Float32 [image, layer, head]: squared distance of a head's matrix from its mean, and from the uniform matrix. */
  patternColumn(what: PatternColumn, signal: AbortSignal): Promise<Float32Array>;
  /** The comparison of input sizes that the run carries, or how to get one. */
  resolution(signal: AbortSignal): Promise<ResolutionInfo>;
  /** Float32 [size, image] or [size, image, layer, head]. */
  resolutionColumn(what: SizeColumn, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [layer, head, patch] at a recorded size: of one image, or the mean over all (null). */
  resolutionMap(size: number, image: number | null, signal: AbortSignal): Promise<Float32Array>;
  /** One image at any size; needs the model. */
  sizedImage(image: number, size: string, signal: AbortSignal): Promise<SizedImage>;
  /** Float32 [layer, head, patch]: what a token attends to at that size. */
  sizedRows(image: number, size: string, query: number, signal: AbortSignal): Promise<Float32Array>;
  /** Name a cluster; null = the automatic name again. */
  renameCluster(cluster: number, name: string | null): Promise<PatternsInfo>;
  /** Which ways of comparing heads there are, and why not the others. */
  heads(signal: AbortSignal): Promise<HeadsInfo>;
  /** Float32 [image, layer]. */
  headDiversity(variant: string, signal: AbortSignal): Promise<Float32Array>;
  /** Float32 [flat head, flat head]; flat = layer by layer, only heads that exist. */
  headSimilarity(by: string, signal: AbortSignal): Promise<Float32Array>;
  headTree(by: string, signal: AbortSignal): Promise<HeadTree>;
  headDepth(metric: string, mode: string, signal: AbortSignal): Promise<DepthCurves>;
  /** Send an image of the user's own to the loaded model. */
  drop(file: File): Promise<DroppedImage>;
  /** Address of the picture as the model saw it. */
  preview(image: number): string;
  /** Address of an atlas of small pictures. */
  thumbs(page: number): string;
}

/** A failure in the server's words: a sentence, and what to do next. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(body: ErrorBody) {
    super(body.message);
    this.name = 'Failure';
    this.code = body.code;
    this.hint = body.hint;
  }
}

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: 'page', message, hint: 'Reload the page; if it stays, please report it.' });
}
