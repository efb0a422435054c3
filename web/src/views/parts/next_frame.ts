// Painting of many marks waits until the frame that a gesture changed is there, so that it is no part of the tasks that
// answer the gesture, and so that two changes before a frame are painted once. Each in a task of its own, and where there
// is much to paint in parts, so that none holds the page up longer than it must; what is painted meanwhile shares a
// frame, which costs more than most of them. What it depends on must be read before.
import { afterFrame } from '../../session/after_frame';

/** Paints, and gives back what is left to be painted in a task of its own. */
export type Paint = () => Paint | void;

const waiting = new Set<{ paint: Paint }>();
let begun = false;

export function nextFrame(paint: Paint): () => void {
  const job = { paint };
  waiting.add(job);
  if (!begun) afterFrame(paintOne);
  begun = true;
  return () => waiting.delete(job);
}

function paintOne(): void {
  begun = false;
  const [job] = waiting;
  if (!job) return;
  const rest = job.paint();
  if (rest) job.paint = rest;
  else waiting.delete(job);
  begun = waiting.size > 0;
  if (begun) setTimeout(paintOne);
}
