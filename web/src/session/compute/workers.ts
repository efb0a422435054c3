// A session's workers, started when they are first needed: one for what panes wait for, one for intervals, which may
// take seconds and must not be waited for. They hold columns by name, so that each session has its own.
import type { Answer, Question } from './answering';

export class Workers {
  readonly #workers = new Map<'kernels' | 'intervals', Worker>();
  readonly #listeners: ((answer: Answer) => void)[] = [];

  ask(question: Question, transfer: Transferable[] = []): void {
    const role = question.kind === 'intervals' || question.kind === 'give-up' ? 'intervals' : 'kernels';
    let worker = this.#workers.get(role);
    if (!worker) {
      worker = new Worker(new URL('./kernels.worker.ts', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#listeners.forEach((listener) => listener(data));
      this.#workers.set(role, worker);
    }
    worker.postMessage(question, transfer);
  }

  onAnswer(listener: (answer: Answer) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    for (const worker of this.#workers.values()) worker.terminate();
    this.#workers.clear();
  }
}
