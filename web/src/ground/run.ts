// What a run calls its heads, classes and images, and where their numbers stand.
import type { ImageTable, RunInfo } from '../io/wire';
import type { HeadRef } from './head_ref';

export function className(images: ImageTable, number: number): string {
  return images.classNames[String(number)] ?? `class ${number}`;
}

/** The first of a class's synonyms: `backpack` of `backpack, back pack, knapsack`. */
export const shortName = (images: ImageTable, number: number): string => className(images, number).split(',')[0]!;

/** Width of a row of head values: every layer has room for the largest number of heads. */
export const maxHeads = (run: RunInfo): number => Math.max(...run.model.nHeads);

export const headIndex = (run: RunInfo, { layer, head }: HeadRef): number => layer * maxHeads(run) + head;

export function headAt(run: RunInfo, index: number): HeadRef {
  return { layer: Math.floor(index / maxHeads(run)), head: index % maxHeads(run) };
}

export const headName = ({ layer, head }: HeadRef): string => `L${layer}·H${head}`;

/** Whether there is a picture of an image: it is done and was not skipped, or is the user's own. */
export const hasPicture = (images: ImageTable, image: number): boolean =>
  image >= images.name.length || (images.done[image] === true && images.problem[image] === null);

/** Images of the user's own follow those of the run. */
export const isOwn = (run: RunInfo, image: number): boolean => image >= run.nImages;
