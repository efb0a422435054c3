// The page's workers, started when they are first needed: one for what panes wait for, one for intervals, which may
// take seconds and must not be waited for.
import type { Answer, Question } from './kernels.worker';

const workers = new Map<'kernels' | 'intervals', Worker>();
const listeners = new Set<(answer: Answer) => void>();

export function ask(question: Question, transfer: Transferable[] = []): void {
  const role = question.kind === 'intervals' || question.kind === 'give-up' ? 'intervals' : 'kernels';
  let worker = workers.get(role);
  if (!worker) {
    worker = new Worker(new URL('./kernels.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => listeners.forEach((listener) => listener(data));
    workers.set(role, worker);
  }
  worker.postMessage(question, transfer);
}

export const onAnswer = (listener: (answer: Answer) => void): void => void listeners.add(listener);
