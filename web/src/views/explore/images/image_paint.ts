// The map of images onto canvases: marks below; what is pointed at, focussed or being outlined on a layer above.
import { fitted, pixels } from '../../../plot/canvas';
import { rgb, type Rgb, type Theme } from '../../../plot/colour';
import { colourOf } from '../../../plot/inks';
import type { Placed } from '../../../plot/marks/scatter';
import type { Paint } from '../../../session/time';
import { Sheet, stamp, type Stamp } from '../../parts/marks/stamps';
import type { Place } from '../../../session/thumbs.svelte';

export interface Inks {
  readonly right: string;
  readonly wrong: string;
  readonly neither: string;
  readonly out: string;
  readonly rim: string;
}
export const INKS: Record<Theme, Inks> = {
  light: { right: '#0072b2', wrong: '#d55e00', neither: '#6b7683', out: '#c3cad2', rim: '#55606c' },
  dark: { right: '#6cb4e4', wrong: '#f08a4b', neither: '#98a3ae', out: '#3c454f', rim: '#aab4be' },
};

/** Radius of a mark, px. */
export const RADIUS = 2.75;
export const OUT_RADIUS = 2;
/** Of so many marks each is smaller. */
export const CROWD = 2000;
export const CROWD_RADIUS = 2;
const RAISED = 72;

export interface Marks {
  readonly placed: Placed;
  readonly correct: readonly (boolean | null)[];
  /** Rows in scope that are drawn as marks, and rows outside the scope. */
  readonly rows: Int32Array;
  readonly out: ArrayLike<number>;
  /** A colour for each image and which of them; null = by right and wrong. */
  readonly colours: { readonly of: Uint8Array; readonly list: readonly string[] } | null;
}

interface Box {
  readonly width: number;
  readonly height: number;
}

/** Marks are drawn in so many layers, each of right and wrong ones: where they crowd, both stay to be seen. */
const LAYERS = 16;
/** About 4 ms; thrice that on a busy machine. */
const MARKS_A_TASK = 1000;

/** Marks of one shape. */
interface Group {
  readonly stamp: Stamp;
  readonly rows: ArrayLike<number>;
  readonly ink: (row: number) => Rgb;
}

/** All marks, in parts; the canvas stays as it was until they are there, and what `over` paints on them. */
export function paintMarks(
  canvas: HTMLCanvasElement,
  box: Box,
  marks: Marks,
  theme: Theme,
  over: (context: CanvasRenderingContext2D) => void,
): Paint {
  const groups = groupsOf(marks, theme);
  const { x, y } = marks.placed;
  const ratio = devicePixelRatio;
  const sheet = new Sheet(pixels(box.width), pixels(box.height));
  let [group, at] = [0, 0];
  return function part(): Paint | void {
    for (let left = MARKS_A_TASK; left > 0 && group < groups.length;) {
      const { stamp, rows, ink } = groups[group]!;
      const end = Math.min(rows.length, at + left);
      left -= end - at;
      for (; at < end; at++) {
        const row = rows[at]!;
        const [across, down] = [x[row]! * ratio, y[row]! * ratio];
        if (across === across && down === down) sheet.lay(stamp, across, down, ...ink(row));
      }
      if (at === rows.length) [group, at] = [group + 1, 0];
    }
    if (group < groups.length) return part;
    const context = fitted(canvas, box.width, box.height);
    context.putImageData(sheet.image, 0, 0);
    return over(context);
  };
}

/** What is laid first comes first. */
function groupsOf({ correct, rows, out, colours }: Marks, theme: Theme): Group[] {
  const ratio = devicePixelRatio;
  const ink = INKS[theme];
  const [dim, rim] = [rgb(ink.out), rgb(ink.rim)];
  const inks = (colours ? colours.list : [ink.right, ink.wrong, ink.neither]).map(rgb);
  const stamps = stampsOf(rows.length > CROWD ? CROWD_RADIUS : RADIUS, ratio);
  const own = colours ? [stamps.full, stamps.boldCross, stamps.full] : [stamps.full, stamps.cross, stamps.ring];
  const layers: number[][] = Array.from({ length: 3 * LAYERS }, () => []);
  for (const row of rows)
    layers[3 * (row % LAYERS) + (correct[row] === true ? 0 : correct[row] === false ? 1 : 2)]!.push(row);
  const groups: Group[] = [{ stamp: stampsOf(OUT_RADIUS, ratio).full, rows: out, ink: () => dim }];
  layers.forEach((layer, at) => {
    const kind = at % 3;
    // A rim, so that a colour near the ground's is seen too.
    if (colours) groups.push({ stamp: kind === 1 ? stamps.crossRim : stamps.fullRim, rows: layer, ink: () => rim });
    groups.push({ stamp: own[kind]!, rows: layer, ink: (row) => inks[colours ? colours.of[row]! : kind]! });
  });
  return groups;
}

type Stamps = Record<'full' | 'fullRim' | 'ring' | 'cross' | 'boldCross' | 'crossRim', Stamp>;
const made = new Map<string, Stamps>();

/** The marks' shapes at a size, drawn once. */
function stampsOf(radius: number, ratio: number): Stamps {
  const key = `${radius}/${ratio}`;
  const known = made.get(key);
  if (known) return known;
  const disc = new Path2D();
  disc.arc(0, 0, radius, 0, 2 * Math.PI);
  const crossed = cross(0, 0, radius);
  const line = (path: Path2D, width: number): Stamp =>
    stamp(radius + width, ratio, (context) => {
      context.lineCap = 'round';
      stroke(context, path, '#000', width);
    });
  const stamps = {
    full: stamp(radius, ratio, (context) => context.fill(disc)),
    fullRim: line(disc, 1.2),
    ring: line(disc, 1.4),
    cross: line(crossed, 1.7),
    boldCross: line(crossed, 2.2),
    crossRim: line(crossed, 3.4),
  };
  made.set(key, stamps);
  return stamps;
}

function stroke(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  path: Path2D,
  colour: string,
  width: number,
): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}

function cross(x: number, y: number, arm: number): Path2D {
  return new Path2D(`M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x + arm} ${y - arm}L${x - arm} ${y + arm}`);
}

/** A small picture around a place, framed in the colour of its mark; a corner crossed where it is wrong. */
export function paintPicture(
  context: CanvasRenderingContext2D,
  place: Place,
  at: readonly [x: number, y: number],
  size: number,
  correct: boolean | null | undefined,
  theme: Theme,
  frame: string | null = null,
): void {
  const ink = INKS[theme];
  const [left, top] = [at[0] - size / 2, at[1] - size / 2];
  context.drawImage(place.atlas, place.left, place.top, place.size, place.size, left, top, size, size);
  context.lineWidth = 1.5;
  context.strokeStyle = frame ?? (correct === true ? ink.right : correct === false ? ink.wrong : ink.neither);
  context.strokeRect(left + 0.75, top + 0.75, size - 1.5, size - 1.5);
  if (correct !== false) return;
  const corner = cross(left + size - 6, top + 6, RADIUS);
  stroke(context, corner, '#fff', 4.5);
  stroke(context, corner, INKS.light.wrong, 2);
}

/** A thin ring around each of some marks or pictures: what belongs to a chosen set. */
export function paintRings(
  context: CanvasRenderingContext2D,
  placed: Placed,
  rows: Iterable<number>,
  sideOf: (row: number) => number,
  theme: Theme,
): void {
  const path = new Path2D();
  for (const row of rows) {
    const [x, y, side] = [placed.x[row]!, placed.y[row]!, sideOf(row)];
    if (side) path.rect(x - side / 2 - 1.5, y - side / 2 - 1.5, side + 3, side + 3);
    else {
      path.moveTo(x + RADIUS + 2, y);
      path.arc(x, y, RADIUS + 2, 0, 2 * Math.PI);
    }
  }
  stroke(context, path, colourOf('ink', theme), 1);
}

/** The ring of the focus: dark and light, to be seen on every ground. `side` > 0 = around a picture. */
export function paintFocus(context: CanvasRenderingContext2D, x: number, y: number, side: number): void {
  const path = new Path2D();
  if (side) path.rect(x - side / 2 - 1, y - side / 2 - 1, side + 2, side + 2);
  else path.arc(x, y, RADIUS + 4, 0, 2 * Math.PI);
  stroke(context, path, '#fff', 6);
  stroke(context, path, '#000', 2.2);
}

/** The image pointed at, enlarged and in front; a large mark where there is no picture. Its box inside the map. */
export function paintRaised(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  box: Box,
  picture: Place | null,
  correct: boolean | null | undefined,
  theme: Theme,
): void {
  if (!picture) {
    const mark = new Path2D();
    mark.arc(x, y, RADIUS + 3, 0, 2 * Math.PI);
    stroke(context, mark, colourOf('ink', theme), 2);
    return;
  }
  const { left, top } = raisedBox(x, y, box);
  const middle = [left + RAISED / 2, top + RAISED / 2] as const;
  context.save();
  context.shadowColor = 'rgb(0 0 0 / 0.4)';
  context.shadowBlur = 10;
  context.fillStyle = '#888';
  context.fillRect(left, top, RAISED, RAISED);
  context.restore();
  paintPicture(context, picture, middle, RAISED, correct, theme);
}

export interface Raised {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** Where the enlarged picture lies: around its place, moved into the map. */
export function raisedBox(x: number, y: number, box: Box): Raised {
  const inside = (middle: number, room: number): number =>
    Math.max(1, Math.min(room - RAISED - 1, middle - RAISED / 2));
  return { left: inside(x, box.width), top: inside(y, box.height), side: RAISED };
}

/** An outline, closed once it is done. */
export function paintLasso(
  context: CanvasRenderingContext2D,
  points: readonly (readonly [number, number])[],
  theme: Theme,
): void {
  if (points.length < 2) return;
  const path = new Path2D();
  points.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  context.fillStyle = colourOf('ink', theme);
  context.globalAlpha = 0.06;
  context.fill(path);
  context.globalAlpha = 1;
  context.setLineDash([4, 3]);
  stroke(context, path, colourOf('ink', theme), 1.3);
  context.setLineDash([]);
}
