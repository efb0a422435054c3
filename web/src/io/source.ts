// Where the page's data comes from. Views never see this: the session asks, and hands typed arrays down.
import type { Direction } from '../core/state';
import type { ErrorBody, ImageTable, ProgressInfo, RunInfo } from './wire';

export interface DataSource {
  run(): Promise<RunInfo>;
  progress(): Promise<ProgressInfo>;
  images(): Promise<ImageTable>;
  /** Float32 [image, layer, head]; NaN = not computed. */
  importance(metric: string, mode: string): Promise<Float32Array>;
  /** Float32 [layer, head, key] for one token of one image; NaN = not stored. */
  attention(image: number, query: number, direction: Direction, signal: AbortSignal): Promise<Float32Array>;
  /** Address of the picture as the model saw it. */
  preview(image: number): string;
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
