// The run behind a `vitscope serve`, over HTTP. Columns are revalidated: an unchanged one costs a 304.
import type { Direction } from '../core/state';
import { fromFloat16 } from './float16';
import { Failure, type DataSource } from './source';
import type { ErrorBody, ImageTable, ProgressInfo, RunInfo } from './wire';

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

  async importance(metric: string, mode: string): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(`importance/${metric}/${encodeURIComponent(mode)}`));
  }

  async attention(image: number, query: number, direction: Direction, signal: AbortSignal): Promise<Float32Array> {
    return fromFloat16(await this.#bytes(`attention/${image}?query=${query}&direction=${direction}`, signal));
  }

  preview(image: number): string {
    return `${this.#base}/preview/${image}`;
  }

  async #json<T>(path: string): Promise<T> {
    return (await this.#answer(path)).json() as Promise<T>;
  }

  async #bytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
    return (await this.#answer(path, signal)).arrayBuffer();
  }

  async #answer(path: string, signal?: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}/${path}`, signal ? { signal } : {});
    } catch (error) {
      if (signal?.aborted) throw error;
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

async function problem(response: Response): Promise<ErrorBody> {
  try {
    return (await response.json()) as ErrorBody;
  } catch {
    return { code: 'unreadable', message: `The server answered ${response.status}.`, hint: 'Its log says more.' };
  }
}
