import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Travel } from '../src/session/page/travel';

const idle: (() => void)[] = [];
let told: string[] = [];
const tell = (how: string) => (state: { at: number }, _: string, address: string) =>
  void told.push(`${how} ${state.at} ${address}`);
beforeEach(() => {
  idle.length = 0;
  told = [];
  vi.useFakeTimers();
  vi.stubGlobal('requestIdleCallback', (run: () => void) => idle.push(run));
  vi.stubGlobal('cancelIdleCallback', (id: number) => (idle[id - 1] = () => undefined));
  vi.stubGlobal('history', {
    pushState: tell('push'),
    replaceState: tell('replace'),
    go: (steps: number) => told.push(`go ${steps}`),
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const rest = (): void => idle.splice(0).forEach((run) => run());

describe('the browser is told of a step', () => {
  it('when the page has nothing else to do', () => {
    new Travel(() => undefined, history).write(1, '#a', false);
    expect(told).toEqual([]);
    rest();
    expect(told).toEqual(['push 1 #a']);
    rest();
    expect(told).toEqual(['push 1 #a']);
  });

  it('once for a gesture that goes on, at its last address, and before the next step', () => {
    const travel = new Travel(() => undefined, history);
    travel.write(1, '#a', false);
    travel.write(1, '#b', true);
    travel.write(1, '#c', true);
    travel.write(2, '#d', false);
    expect(told).toEqual(['push 1 #c']);
    rest();
    travel.write(2, '#e', true);
    rest();
    expect(told).toEqual(['push 1 #c', 'push 2 #d', 'replace 2 #e']);
  });

  it('before it goes anywhere, and at once when asked', () => {
    const travel = new Travel(() => undefined, history);
    travel.write(1, '#a', false);
    travel.to(0, 1);
    travel.arrived(0);
    travel.write(1, '#b', false);
    travel.tell();
    rest();
    expect(told).toEqual(['push 1 #a', 'go -1', 'push 1 #b']);
  });

  it('never, when the user has left the place for it', () => {
    const travel = new Travel(() => undefined, history);
    travel.write(2, '#a', false);
    expect(travel.arrived(0)).toBe(true);
    rest();
    expect(told).toEqual([]);
  });

  it('a moment later where a browser cannot say that it is idle', () => {
    vi.unstubAllGlobals(); // Node has none
    vi.stubGlobal('history', { pushState: tell('push') });
    const travel = new Travel(() => undefined, history);
    travel.write(1, '#a', false);
    travel.write(1, '#b', true);
    vi.runAllTimers();
    expect(told).toEqual(['push 1 #b']);
  });
});

describe('a step that the browser has forgotten', () => {
  it('is gone to alone: at once where the browser says so, a moment after it has said nothing elsewhere', () => {
    const alone: number[] = [];
    const travel = new Travel((at) => void alone.push(at), history);
    travel.to(1, 2);
    expect([alone, told]).toEqual([[], ['go -1']]);
    vi.runAllTimers();
    expect(alone).toEqual([1]);
    vi.stubGlobal('navigation', { currentEntry: { index: 1 }, entries: () => [{}, {}] });
    travel.to(0, 1);
    expect(told).toEqual(['go -1', 'go -1']); // it has one before
    travel.arrived(0);
    travel.to(2, 4);
    vi.advanceTimersByTime(0);
    expect([alone, told]).toEqual([
      [1, 2],
      ['go -1', 'go -1'],
    ]);
  });
});
