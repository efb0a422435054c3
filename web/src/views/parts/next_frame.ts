// Painting of many marks waits until the frame that a gesture changed is there, so that it is no part of the tasks that
// answer the gesture, and so that two changes before a frame are painted once. One a frame, so that none holds the page
// up longer than it must. What it depends on must be read before.
import { afterFrame } from '../../app/after_frame';

const waiting = new Set<() => void>();
let begun = false;

export function nextFrame(paint: () => void): () => void {
  waiting.add(paint);
  begin();
  return () => waiting.delete(paint);
}

function begin(): void {
  if (begun || !waiting.size) return;
  begun = true;
  afterFrame(paintOne);
}

function paintOne(): void {
  begun = false;
  const [paint] = waiting;
  if (!paint) return;
  waiting.delete(paint);
  begin();
  paint();
}
