// When things are done: all that the page puts off, and how. Of the page and not of a session: it has one frame at a time.

/** Run in a task after the next frame, when what a gesture changed is painted; what is returned gives it up. */
export function afterFrame(run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const frame = requestAnimationFrame(() => (timer = setTimeout(run)));
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}

/** Run when the page has nothing else to do, or after so many ms at the latest; what is returned gives it up. */
export function whenIdle(run: () => void, latest: number): () => void {
  if (!('requestIdleCallback' in globalThis)) {
    const timer = setTimeout(run, latest);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(run, { timeout: latest });
  return () => cancelIdleCallback(idle);
}

/** Paints, and gives back what is left to be painted in a task of its own. */
export type Paint = () => Paint | void;

const waiting = new Set<{ paint: Paint }>();
let begun = false;

/**
 * Painting of many marks waits until the frame that a gesture changed is there, so that it is no part of the tasks that
 * answer the gesture, and so that two changes before a frame are painted once. Each in a task of its own, and where there
 * is much to paint in parts, so that none holds the page up longer than it must; what is painted meanwhile shares a
 * frame, which costs more than most of them. What it depends on must be read before.
 */
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
