// Maps of one class, weighted by its gradient: their names, their classes, and their values as shares of a map.
import type { ImageTable, RunInfo, TokenInfo } from '../io/wire';
import { isOwn, shortName } from '../ground/run';
import type { Options } from '../selection/options';

export type ClassMapKind = 'gradient_rollout' | 'relevance' | 'legrad';

const NAMES: Record<ClassMapKind, string> = {
  gradient_rollout: 'gradient rollout',
  relevance: 'generic relevance',
  legrad: 'LeGrad',
};
export const CLASS_MAPS = Object.keys(NAMES) as ClassMapKind[];

export const isClassMap = (map: Options['map']): map is ClassMapKind => map in NAMES;
export const classMapName = (kind: ClassMapKind): string => NAMES[kind];

/** The class that an option stands for: 0 = the image's target (-1: the model's own top class), else class + 1. */
export function classOf(run: RunInfo, images: ImageTable, image: number, option: number): number {
  if (option > 0) return option - 1;
  return isOwn(run, image) ? -1 : (images.target[image] ?? -1);
}

export interface ClassChoice {
  /** Of the option. */
  readonly value: number;
  readonly label: string;
}

/** The classes to choose from: the image's own and its prediction, the one chosen, then all that occur in the run. */
export function classChoices(run: RunInfo, images: ImageTable, image: number, chosen: number): ClassChoice[] {
  const [target, prediction] = isOwn(run, image)
    ? [-1, -1]
    : [images.target[image] ?? -1, images.prediction[image] ?? -1];
  const first: ClassChoice[] = [
    { value: 0, label: target < 0 ? 'predicted class' : `${targetWord(images, image)}: ${shortName(images, target)}` },
  ];
  if (prediction >= 0 && prediction !== target)
    first.push({ value: prediction + 1, label: `predicted: ${shortName(images, prediction)}` });
  const known = new Set(Object.keys(images.classNames).map(Number));
  if (chosen > 0) known.add(chosen - 1); // from a link: it may occur in no image
  const offered = new Set(first.map(({ value }) => value));
  const named = [...known].filter((number) => !offered.has(number + 1) && (number !== target || chosen === number + 1));
  const others = named.map((number) => ({ value: number + 1, label: shortName(images, number) }));
  return [...first, ...others.sort((a, b) => a.label.localeCompare(b.label))];
}

const targetWord = (images: ImageTable, image: number): string => (images.label[image]! >= 0 ? 'true' : 'predicted');

/** The patches' values as shares of their sum, other tokens unknown; all unknown where there is nothing to share. */
export function asShares(row: Float32Array, tokens: TokenInfo): Float32Array {
  const from = tokens.prefix.length;
  let sum = 0;
  for (let i = from; i < row.length; i++) sum += row[i]!;
  return row.map((value, i) => (i < from || !(sum > 0) ? NaN : value / sum));
}
