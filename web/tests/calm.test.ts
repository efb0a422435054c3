import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Calm, type InForce } from '../src/session/calm.svelte';
import { EVERYTHING } from '../src/selection/scope';
import { nextFrame } from '../src/views/parts/next_frame';

const inForce = (n: number): InForce => ({ scope: EVERYTHING, rows: new Int32Array(n), metric: 'jsd', mode: 'head' });
const counts = ({ images, patterns, inspector }: Calm): number[] =>
  [images, patterns, inspector].map(({ rows }) => rows.length);

const frames: (() => void)[] = [];
const frame = (): void => frames.splice(0).forEach((run) => run());
beforeEach(() => {
  frames.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
  vi.stubGlobal('cancelAnimationFrame', (id: number) => void frames.splice(id - 1, 1));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('what is no aggregate', () => {
  it('follows when a frame is painted, one after the other and each in a task of its own', () => {
    const calm = new Calm();
    calm.follow(inForce(3));
    const seen = [counts(calm)];
    expect(vi.getTimerCount()).toBe(0);
    frame();
    for (let task = 0; task < 3; task++) {
      vi.advanceTimersToNextTimer();
      seen.push(counts(calm));
    }
    expect(seen).toEqual([
      [0, 0, 0],
      [3, 0, 0],
      [3, 3, 0],
      [3, 3, 3],
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });
  it('gives up what is out of date, before the frame and after it', () => {
    for (const tasks of [0, 1, 2]) {
      const calm = new Calm();
      const giveUp = calm.follow(inForce(3));
      if (tasks) frame();
      for (let task = 0; task < tasks; task++) vi.advanceTimersToNextTimer();
      giveUp();
      calm.follow(inForce(5));
      frame();
      vi.runAllTimers();
      expect(counts(calm)).toEqual([5, 5, 5]);
    }
  });
  it('goes at once where asked, and says whether some are behind', () => {
    const calm = new Calm();
    const now = inForce(2);
    expect(calm.behind(now)).toBe(true);
    calm.jump(now);
    expect(counts(calm)).toEqual([2, 2, 2]);
    expect(calm.behind(now)).toBe(false);
    const other = inForce(4);
    calm.follow(other);
    expect(calm.behind(other)).toBe(true);
    frame();
    vi.runAllTimers();
    expect(calm.behind(other)).toBe(false);
  });
});

describe('painting after a frame', () => {
  const after = (): void => {
    frame();
    vi.runAllTimers();
  };

  it('paints each in a task of its own, in the order they came, and not what was given up', () => {
    const painted: string[] = [];
    nextFrame(() => void painted.push('a'));
    const giveUp = nextFrame(() => void painted.push('b'));
    nextFrame(() => void painted.push('c'));
    giveUp();
    expect(frames.length).toBe(1);
    frame();
    vi.runOnlyPendingTimers();
    expect(painted).toEqual(['a']);
    vi.runOnlyPendingTimers();
    expect(painted).toEqual(['a', 'c']);
    expect(frames.length).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
  it('paints in parts, a task each, until what is left is given up', () => {
    const painted: string[] = [];
    const parts = (name: string) => () => {
      painted.push(`${name}1`);
      return () => void painted.push(`${name}2`);
    };
    nextFrame(parts('a'));
    const giveUp = nextFrame(parts('b'));
    frame();
    vi.runOnlyPendingTimers();
    expect(painted).toEqual(['a1']);
    vi.runOnlyPendingTimers();
    expect(painted).toEqual(['a1', 'a2']);
    vi.runOnlyPendingTimers();
    giveUp();
    after();
    expect(painted).toEqual(['a1', 'a2', 'b1']);
    nextFrame(() => void painted.push('c'));
    after();
    expect(painted).toEqual(['a1', 'a2', 'b1', 'c']);
  });
  it('begins again after all was given up', () => {
    const painted: string[] = [];
    nextFrame(() => void painted.push('a'))();
    after();
    nextFrame(() => void painted.push('b'));
    after();
    expect(painted).toEqual(['b']);
  });
});
