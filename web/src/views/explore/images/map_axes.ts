// The axes of a map of two numbers, in their own units.
import { ticks } from 'd3-array';
import { acrossAxis, valueAxis } from '../../../plot/axes';
import type { Box, Frame } from '../../../plot/marks/scatter';
import type { Mark } from '../../../plot/scene';

export interface MapAxis {
  readonly low: number;
  readonly high: number;
  readonly words: (value: number) => string;
}

const BEYOND = 6;

export function mapAxes({ width, height }: Box, frame: Frame, across: MapAxis, up: MapAxis): Mark[] {
  const [left, right] = [frame.left, width - frame.right];
  const [top, bottom] = [frame.top, height - frame.bottom];
  const place = ({ low, high }: MapAxis, value: number): number => (high > low ? (value - low) / (high - low) : 0.5);
  const among = ({ low, high }: MapAxis, room: number): number[] =>
    high > low ? ticks(low, high, Math.max(2, Math.floor(room))) : [low];
  return [
    acrossAxis(
      { top: top - BEYOND, bottom: bottom + BEYOND },
      (value) => left + place(across, value) * (right - left),
      among(across, width / 80),
      across.words,
      width,
    ),
    valueAxis(
      { left, right },
      (value) => bottom - place(up, value) * (bottom - top),
      among(up, height / 60),
      up.words,
      BEYOND,
    ),
  ];
}
