import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextFrame } from '../src/session/time';

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
