// The answers of a run by name, as the server's table says (src/vitscope/answers): what each takes and gives.
import type { Summary } from '../stats/kernels';
import { fromLog8 } from './log8';
import { readNpy, readNpz, type NdArray } from './npy';
import type { paths } from './wire.gen';

type Get<Name extends string> = paths[`/api/answers/${Name}` & keyof paths]['get'];
type Content<Name extends string> = Get<Name> extends { responses: { 200: { content: infer Found } } } ? Found : never;

/** Every answer there is. */
export type AnswerName = keyof paths extends infer Path
  ? Path extends `/api/answers/${infer Name}`
    ? Name
    : never
  : never;

/** Those that are pictures: they are not read but shown, by their address. */
export type PictureName = 'preview' | 'thumbs';

type Query<Name extends string> =
  Get<Name> extends { parameters: { query?: infer Found } } ? NonNullable<Found> : never;
/** Texts may be given as numbers, and any text where the server knows the few that there are: it says so. */
type Loose<T> = { [Key in keyof T]: T[Key] extends string | undefined ? string | number : T[Key] | undefined };
export type Arguments<Name extends AnswerName> = [Query<Name>] extends [never]
  ? Record<never, never>
  : Loose<Query<Name>>;

/** An array comes as its numbers, in the order of its axes; several by name in the shape that the page has for them. */
export type Result<Name extends AnswerName> = Name extends keyof typeof SHAPED
  ? ReturnType<(typeof SHAPED)[Name]>
  : Content<Name> extends { 'application/json': infer Message }
    ? Message
    : Float32Array;

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

/** The heads by their mean over all images, by head place, as the report says it: ends of the 95 % interval, rank. */
export interface Ranking {
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** 1 = the largest; 0 where there is none. */
  readonly rank: Int32Array;
}

type Arrays = Readonly<Record<string, NdArray>>;

const singles = (found: Arrays, name: string): Float32Array => found[name]!.values as Float32Array;
const doubles = (found: Arrays, name: string): Float64Array => found[name]!.values as Float64Array;
const bytes = (found: Arrays, name: string): Uint8Array => found[name]!.values as Uint8Array;
const number = (found: Arrays, name: string): number => found[name]!.values[0]!;
const shares = (found: Arrays): Float32Array => fromLog8(bytes(found, 'log8'));

/** Answers of several arrays, or of one in a code, as the page holds them. */
const SHAPED = {
  summary: (found: Arrays): Summary => ({
    n: Int32Array.from(doubles(found, 'n')),
    mean: doubles(found, 'mean'),
    median: doubles(found, 'median'),
    q1: doubles(found, 'q1'),
    q3: doubles(found, 'q3'),
    consistency: doubles(found, 'consistency'),
  }),
  ranking: (found: Arrays): Ranking => ({
    low: doubles(found, 'low'),
    high: doubles(found, 'high'),
    rank: Int32Array.from(doubles(found, 'rank')),
  }),
  layout: (found: Arrays): Layout => ({
    positions: singles(found, 'positions'),
    trustworthiness: number(found, 'trustworthiness'),
    continuity: number(found, 'continuity'),
  }),
  mean: (found: Arrays): MeanMatrices => ({ values: shares(found), size: found['log8']!.shape[1]! }),
  depth: (found: Arrays): DepthCurves => ({ values: singles(found, 'values'), n: number(found, 'n') }),
  pattern_points: (found: Arrays): PatternPoints => ({
    x: singles(found, 'x'),
    y: singles(found, 'y'),
    distance: singles(found, 'distance'),
    cluster: bytes(found, 'cluster'),
    pattern: bytes(found, 'pattern'),
  }),
  pattern_glyphs: shares,
  pattern_matrix: shares,
};

/** What the bytes of an answer say. */
export function read<Name extends AnswerName>(name: Name, media: string, content: ArrayBuffer): Result<Name> {
  if (media === 'application/x-npy') return readNpy(content).values as Result<Name>;
  return (SHAPED as Record<string, (found: Arrays) => unknown>)[name]!(readNpz(content)) as Result<Name>;
}

/** The question of an answer as it stands in an address; what is not given is left out. */
export function question(name: AnswerName, given: object): string {
  const told = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  const query = new URLSearchParams(told.map(([key, value]) => [key, String(value)])).toString();
  return query ? `${name}?${query}` : name;
}
