// Painting of many marks waits for the frame it is for, so that it is no part of the task that answers a gesture, and so
// that two changes before a frame are painted once. What it depends on must be read before.

export function nextFrame(paint: () => void): () => void {
  const frame = requestAnimationFrame(paint);
  return () => cancelAnimationFrame(frame);
}
