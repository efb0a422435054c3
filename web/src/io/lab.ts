// The Lab's half of the server: one image at once, jobs as lines of JSON that come while they go on, and kept runs.
import { Failure } from './failure';
import type { CurveQuestion, ErrorBody, ImageWhatIf, LabInfo, LabMessage, LabRun, ScopeQuestion } from './wire';

export type Asked = Pick<ScopeQuestion, 'heads' | 'fill'>;

export class LabSource {
  readonly #base: string;

  constructor(base = './api') {
    this.#base = `${base}/lab`;
  }

  async info(): Promise<LabInfo> {
    return this.#json<LabInfo>('');
  }

  image(image: number, asked: Asked, signal: AbortSignal): Promise<ImageWhatIf> {
    return this.#json(`/image/${image}`, { ...posted(asked), signal });
  }

  /** The messages of a job over many images; leaving the loop, or the signal, ends it. */
  scope(question: ScopeQuestion, signal: AbortSignal): AsyncGenerator<LabMessage> {
    return this.#lines('/scope', question, signal);
  }

  curve(question: CurveQuestion, signal: AbortSignal): AsyncGenerator<LabMessage> {
    return this.#lines('/curve', question, signal);
  }

  /** End a job; one that has ended already is no failure. */
  async cancel(job: string): Promise<void> {
    await fetch(`${this.#base}/job/${job}`, { method: 'DELETE' }).catch(() => undefined);
  }

  run(id: string): Promise<LabRun> {
    return this.#json(`/runs/${id}`);
  }

  forget(id: string): Promise<LabInfo> {
    return this.#json(`/runs/${id}`, { method: 'DELETE' });
  }

  rename(id: string, name: string): Promise<LabInfo> {
    return this.#json(`/runs/${id}/name`, { ...posted({ name }), method: 'PUT' });
  }

  async *#lines(path: string, question: object, signal: AbortSignal): AsyncGenerator<LabMessage> {
    const response = await this.#answer(path, { ...posted(question), signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let held = '';
    for (;;) {
      const { done, value } = await reader.read().catch(broken);
      if (done) return;
      const lines = (held + value).split('\n');
      held = lines.pop()!;
      for (const line of lines) yield JSON.parse(line) as LabMessage;
    }
  }

  async #json<T>(path: string, options: RequestInit = {}): Promise<T> {
    return (await this.#answer(path, options)).json() as Promise<T>;
  }

  async #answer(path: string, options: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#base + path, options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Failure({
        code: 'unreachable',
        message: 'The server does not answer.',
        hint: 'Is vitscope serve still running? Start it again.',
      });
    }
    if (response.ok) return response;
    throw new Failure(
      await response.json().catch((): ErrorBody => ({
        code: 'unreadable',
        message: `The server answered ${response.status}.`,
        hint: 'Its log says more.',
      })),
    );
  }
}

const posted = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** The server went away in the middle of an answer. */
function broken(error: unknown): never {
  if (error instanceof DOMException && error.name === 'AbortError') throw error;
  throw new Failure({
    code: 'unreachable',
    message: 'The server went away, and the job ended with it.',
    hint: 'Start vitscope serve again, then run it again.',
  });
}
