// Painting of many marks waits for the frame it is for, so that it is no part of the task that answers a gesture, and so
// that two changes before a frame are painted once. What it depends on must be read before.
// One a frame, so that none holds the page up longer than it must.

const waiting = new Set<() => void>();

export function nextFrame(paint: () => void): () => void {
  waiting.add(paint);
  begin();
  return () => waiting.delete(paint);
}

let begun = false;
function begin(): void {
  if (begun || !waiting.size) return;
  begun = true;
  requestAnimationFrame(() => {
    begun = false;
    const [paint] = waiting;
    if (paint) waiting.delete(paint);
    begin();
    paint?.();
  });
}
