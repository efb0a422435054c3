// The worker's own file: questions in, answers out.
import { Answering, type Question } from './answering';

const answering = new Answering((answer) => self.postMessage(answer));
self.onmessage = ({ data }: MessageEvent<Question>): void => answering.take(data);
