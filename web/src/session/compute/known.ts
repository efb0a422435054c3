// What a page knows of its run before the images are there, and what it asks for as soon as it knows that.
import { decode } from '../../selection/address';
import { maxHeads } from '../../ground/run';
import { isEverything } from '../../selection/scope';
import type { DataSource } from '../../io/source';
import type { ProgressInfo, RunInfo } from '../../io/wire';
import { Data } from '../data.svelte';

const MANY_VALUES = 300_000;
/** The page is built once with its first numbers, where the server has them ready. */
const FIRST_NUMBERS_MS = 200;

export interface Known {
  readonly source: DataSource;
  readonly run: RunInfo;
  readonly progress: ProgressInfo;
  readonly data: Data;
}

/** Of many images the values take their time: a summary over all of them comes first. */
const manyValues = (run: RunInfo): boolean => run.nImages * run.model.nLayers * maxHeads(run) > MANY_VALUES;

/** The first numbers are asked for as soon as the run is known, not only when there is a page to show them. */
export async function know(source: DataSource, hash: string): Promise<Known> {
  const [run, progress] = await Promise.all([source.get('run', {}), source.get('progress', {})]);
  const many = manyValues(run);
  const data = new Data(source, progress, many);
  const { scope, metric, mode } = decode(hash, run).state;
  if (many && isEverything(scope))
    await Promise.race([data.ahead('summary', { metric, mode }), pause(FIRST_NUMBERS_MS)]);
  return { source, run, progress, data };
}

const pause = (ms: number): Promise<void> => new Promise((over) => setTimeout(over, ms));
