// The drawing of shares as bars, a group a share and a bar a head, on one scale from 0 to 100 %.
import { percent } from '../../../ground/numbers';
import { group, level, rect, text, type Mark, type Rect, type Scene } from '../../../plot/scene';
import type { Marked } from '../../parts/marks/marked';

export interface ShareGroup {
  readonly label: string;
  readonly words: string;
  /** Of each marked head; NaN = not known. */
  readonly shares: readonly number[];
}
export interface Shares {
  readonly marked: readonly Marked[];
  readonly groups: readonly ShareGroup[];
  readonly width: number;
  readonly height: number;
  /** Of the curves beside them. */
  readonly top: number;
  readonly bottom: number;
}
interface Bar {
  readonly index: number;
  readonly name: string;
  readonly words: string;
  readonly share: number;
  readonly x: number;
  /** Of the bar and the gap after it. */
  readonly wide: number;
  readonly mark: Rect;
}

const BESIDE = 4;
const eachOf = ({ width, groups }: Shares): number => (width - BESIDE) / groups.length;
const leftOf = (props: Shares, at: number): number => BESIDE + at * eachOf(props) + 2;

export function barsOf(props: Shares): Bar[] {
  const { marked, groups, top, bottom } = props;
  const wide = Math.min(6, (eachOf(props) - 6) / Math.max(marked.length, 1));
  return groups.flatMap(({ label, words, shares }, g) =>
    marked.flatMap(({ index, name, paint }, i) => {
      const share = shares[i] ?? NaN;
      if (!Number.isFinite(share)) return [];
      const x = leftOf(props, g) + i * wide;
      const mark = rect([x, x + Math.max(wide - 1, 1.5)], [bottom - Math.max(share * (bottom - top), 1), bottom], {
        fill: paint,
        data: { share: `${label} ${name}` },
      });
      return [{ index, name, words, share, x, wide, mark }];
    }),
  );
}

export function scene(props: Shares): Scene {
  const { marked, groups, width, height, top, bottom } = props;
  const bars = barsOf(props);
  return {
    width,
    height,
    title: groups
      .map(
        ({ words, shares }) => `${words}: ${marked.map(({ name }, i) => `${name} ${percent(shares[i])}`).join(', ')}`,
      )
      .join('. '),
    marks: [
      text(BESIDE, top - 5, '100 %'),
      ...groups.map(({ label, words }, g) => {
        const ends = [leftOf(props, g) - 2, leftOf(props, g) + eachOf(props) - 6] as const;
        return group(label, [
          level(bottom, ends, { stroke: 'line-strong' }),
          level(top, ends, { stroke: 'line', dash: '2 2' }),
          level((top + bottom) / 2, ends, { stroke: 'line', dash: '2 2' }),
          ...bars.filter((bar) => bar.words === words).map(({ mark }) => mark),
          text(ends[0], bottom + 13, label),
        ]);
      }),
    ],
  };
}

/** The bars of the head that is pointed at. */
export const outlined = (props: Shares, head: number | null): Mark[] =>
  barsOf(props).flatMap(({ index, mark }) => (index === head ? [{ ...mark, stroke: 'ink' as const }] : []));
