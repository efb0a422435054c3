// The page's one worker, started when it is first needed.
import type { Answer, Question } from './kernels.worker';

let worker: Worker | null = null;
const listeners = new Set<(answer: Answer) => void>();

export function ask(question: Question, transfer: Transferable[] = []): void {
  if (!worker) {
    worker = new Worker(new URL('./kernels.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => listeners.forEach((listener) => listener(data));
  }
  worker.postMessage(question, transfer);
}

export const onAnswer = (listener: (answer: Answer) => void): void => void listeners.add(listener);
