// The drawing of images whose answer changed: how many of a kind, and their pictures in lines.
import { count } from '../../../ground/numbers';
import { group, rect, text, type Mark, type Scene } from '../../../plot/scene';

export type FlipKind = 'won' | 'lost' | 'moved';
export const FLIP_WORDS: Record<FlipKind, string> = {
  won: 'wrong before, right after',
  lost: 'right before, wrong after',
  moved: 'another answer, as wrong or without label',
};
/** Pictures that are shown; of more the number is. */
export const MOST = 60;

export interface Flips {
  readonly width: number;
  readonly kind: FlipKind;
  readonly rows: readonly number[];
  /** The address of an image's picture, which may hold it; null = there is none. */
  readonly picture: (row: number) => string | null;
  readonly name: (row: number) => string;
  readonly focus: number | null;
}

const [SIDE, GAP, TOP] = [32, 3, 20];

export function scene({ width, kind, rows, picture, name, focus }: Flips): Scene {
  const shown = rows.slice(0, MOST);
  const across = Math.max(1, Math.floor((width - 2) / (SIDE + GAP)));
  const height = TOP + Math.ceil(shown.length / across) * (SIDE + GAP);
  const more = rows.length - shown.length;
  return {
    width,
    height: height + (more ? 18 : 4),
    title: `${count(rows.length)} images: ${FLIP_WORDS[kind]}`,
    marks: [
      text(2, 13, count(rows.length), { bold: true, fill: 'ink' }),
      text(8 + 7 * count(rows.length).length, 13, FLIP_WORDS[kind]),
      group(
        kind,
        shown.flatMap((row, at): Mark[] => {
          const [x, y] = [2 + (at % across) * (SIDE + GAP), TOP + Math.floor(at / across) * (SIDE + GAP)];
          const [href, title] = [picture(row), name(row)];
          const frame = focus === row ? ({ stroke: 'accent', thick: 2 } as const) : ({ stroke: 'line' } as const);
          return [
            ...(href ? [{ kind: 'picture', x, y, width: SIDE, height: SIDE, href } as const] : []),
            rect([x, x + SIDE], [y, y + SIDE], { ...frame, title, data: { image: row } }),
          ];
        }),
      ),
      ...(more ? [text(2, height + 11, `and ${count(more)} more`)] : []),
    ],
  };
}
