import { describe, expect, it } from 'vitest';
import { nearestPoint, nextPoint } from '../src/plot/marks/points';

const points = [
  { x: 0, y: 0 },
  { x: 10, y: 0 },
  { x: 6, y: 8 },
  { x: 10, y: 20 },
];

describe('points', () => {
  it('are found when near enough', () => {
    expect(nearestPoint(points, { x: 9, y: 1 }, 5)).toBe(1);
    expect(nearestPoint(points, { x: 4, y: -4 }, 5)).toBeNull();
    expect(nearestPoint([], { x: 0, y: 0 }, 5)).toBeNull();
  });
  it('lead to the next one in a direction, rather along the line than off it', () => {
    expect(nextPoint(points, points[0]!, 1, 0)).toBe(1);
    expect(nextPoint(points, points[1]!, 0, 1)).toBe(2);
    expect(nextPoint(points, points[1]!, 1, 0)).toBeNull();
  });
});
