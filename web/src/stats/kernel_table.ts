// The kernels over the images in scope, by name: all take values [image, column], rows of images and, where the columns
// are heads, how many each layer has; so the page's own thread and its worker can run any of them.
import { bands, layerSummary } from './bands';
import { leader } from './evidence';
import { means, prepareOrders, summarise } from './kernels';

interface Kernel<R> {
  readonly run: (values: Float32Array, width: number, rows: Int32Array, heads: readonly number[]) => R;
  /** For each value, measured on 5,000 images x 144 heads: what decides where a kernel runs. */
  readonly nanoseconds: number;
  /** What makes its next answers about the same values sooner, in small parts. */
  readonly prepare: ((values: Float32Array, width: number) => Generator<void>) | undefined;
}

const kernel = <R>(nanoseconds: number, run: Kernel<R>['run'], prepare?: Kernel<R>['prepare']): Kernel<R> => ({
  run,
  nanoseconds,
  prepare,
});

export const KERNELS = {
  summarise: kernel(32, summarise, prepareOrders),
  means: kernel(3, means),
  bands: kernel(80, bands),
  leader: kernel(100, leader),
  layers: kernel(6, layerSummary),
} as const;

export type KernelName = keyof typeof KERNELS;
export type KernelResult<K extends KernelName> = ReturnType<(typeof KERNELS)[K]['run']>;
