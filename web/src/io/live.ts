// The run behind a `vitscope serve`, over HTTP. An answer that has not changed costs a 304.
import { question, read, type AnswerName, type Arguments, type PictureName, type Result } from './answers';
import { Failure, type DataSource } from './source';
import type { DroppedImage, ErrorBody, PatternsInfo } from './wire';

export class LiveSource implements DataSource {
  readonly #base: string;

  constructor(base = './api') {
    this.#base = base;
  }

  async get<Name extends AnswerName>(name: Name, given: Arguments<Name>, signal?: AbortSignal): Promise<Result<Name>> {
    const response = await this.#answer(`answers/${question(name, given)}`, signal ? { signal } : {});
    const media = response.headers.get('content-type') ?? '';
    if (media.startsWith('application/json')) return response.json() as Promise<Result<Name>>;
    return read(name, media, await response.arrayBuffer());
  }

  address<Name extends PictureName>(name: Name, given: Arguments<Name>): string {
    return `${this.#base}/answers/${question(name, given)}`;
  }

  async renameCluster(cluster: number, name: string | null): Promise<PatternsInfo> {
    const options = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) };
    return (await this.#answer(`patterns/names/${cluster}`, options)).json() as Promise<PatternsInfo>;
  }

  async drop(file: File): Promise<DroppedImage> {
    const asked = `dropped?name=${encodeURIComponent(file.name)}`;
    return (await this.#answer(asked, { method: 'POST', body: file })).json() as Promise<DroppedImage>;
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
