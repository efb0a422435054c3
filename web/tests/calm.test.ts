import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Calm, type InForce } from '../src/app/calm.svelte';
import { EVERYTHING } from '../src/core/scope';
import { nextFrame } from '../src/views/parts/next_frame';

const inForce = (n: number): InForce => ({ scope: EVERYTHING, rows: new Int32Array(n), metric: 'jsd', mode: 'head' });
const counts = ({ image, images, patterns, inspector }: Calm): number[] => [image, images, patterns, inspector].map(({ rows }) => rows.length);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('what is no aggregate', () => {
  it('follows one after the other, each in a task of its own', () => {
    const calm = new Calm();
    calm.follow(inForce(3), false);
    const seen = [counts(calm)];
    for (let task = 0; task < 4; task++) {
      vi.advanceTimersToNextTimer();
      seen.push(counts(calm));
    }
    expect(seen).toEqual([
      [0, 0, 0, 0],
      [3, 0, 0, 0],
      [3, 3, 0, 0],
      [3, 3, 3, 0],
      [3, 3, 3, 3],
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });
  it('waits for the aggregates, except for the image', () => {
    const calm = new Calm();
    const now = inForce(3);
    const giveUp = calm.follow(now, true);
    vi.runAllTimers();
    expect(counts(calm)).toEqual([3, 0, 0, 0]);
    giveUp();
    calm.follow(now, false);
    vi.runAllTimers();
    expect(counts(calm)).toEqual([3, 3, 3, 3]);
  });
  it('gives up what is out of date', () => {
    const calm = new Calm();
    const giveUp = calm.follow(inForce(3), false);
    vi.advanceTimersToNextTimer();
    giveUp();
    calm.follow(inForce(5), false);
    vi.runAllTimers();
    expect(counts(calm)).toEqual([5, 5, 5, 5]);
  });
  it('goes at once where asked, and nowhere where nothing is new', () => {
    const calm = new Calm();
    const now = inForce(2);
    calm.jump(now);
    expect(counts(calm)).toEqual([2, 2, 2, 2]);
    calm.follow({ ...now }, false);
    expect(vi.getTimerCount()).toBe(0);
    expect(calm.images).toBe(now);
  });
});

describe('painting after a frame', () => {
  const frames: (() => void)[] = [];
  beforeEach(() => {
    frames.length = 0;
    vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
  });
  afterEach(() => void vi.unstubAllGlobals());
  const frame = (): void => {
    frames.splice(0).forEach((run) => run());
    vi.runAllTimers();
  };

  it('paints one a frame, in the order they came, and not what was given up', () => {
    const painted: string[] = [];
    nextFrame(() => painted.push('a'));
    const giveUp = nextFrame(() => painted.push('b'));
    nextFrame(() => painted.push('c'));
    giveUp();
    expect(frames.length).toBe(1);
    frame();
    expect(painted).toEqual(['a']);
    frame();
    expect(painted).toEqual(['a', 'c']);
    expect(frames.length).toBe(0);
  });
  it('begins again after all was given up', () => {
    const painted: string[] = [];
    nextFrame(() => painted.push('a'))();
    frame();
    nextFrame(() => painted.push('b'));
    frame();
    expect(painted).toEqual(['b']);
  });
});
