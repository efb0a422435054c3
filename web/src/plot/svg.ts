// A scene as a file: one SVG that stands alone, with its colours and its font named and its text as text.

import type { Theme } from './colour';
import { elementOf } from './elements';
import { colourOf } from './inks';
import { STROKE } from './marks/dot_raster';
import { pngUrl } from './png';
import { cellPixels, pointPixels } from './raster';
import { circle, path, rect, type Element, type Mark, type Points, type Scene } from './scene';

/** The families of app/style.css, those first that most readers of a file have. */
const FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
export const FONT_SIZE = 11;
/** Of the ground around a drawing, px: on the page its pane has it. */
const RIM = 8;
/** Points of one mark that are elements of a file; more are one picture in it: no program opens a hundred thousand. */
export const MOST_ELEMENTS = 3000;
/** Pixels of that picture for each of the drawing. */
const FINE = 3;

/** The scene as a whole document. Words of the data stay words: they are escaped, and what XML cannot hold is left out. */
export function toSvg(scene: Scene, theme: Theme = 'light'): string {
  const { width, height, title, marks } = scene;
  const [wide, high] = [width + 2 * RIM, height + 2 * RIM];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="-${RIM} -${RIM} ${wide} ${high}" ` +
    `role="img" font-family="${escaped(FONT)}" font-size="${FONT_SIZE}"><title>${escaped(title)}</title>` +
    `<rect x="-${RIM}" y="-${RIM}" width="${wide}" height="${high}" fill="${colourOf('panel', theme)}"/>` +
    `${marks.map((mark) => written(mark, scene, theme)).join('')}</svg>`
  );
}

function written(mark: Mark, scene: Scene, theme: Theme): string {
  if (mark.kind === 'raster')
    return picture(mark, pngUrl(cellPixels(mark, theme)), ' style="image-rendering:pixelated"');
  if (mark.kind === 'picture') return picture(mark, mark.href);
  if (mark.kind === 'points') return manyWritten(mark, scene, theme);
  const { tag, attributes, words, title, children } = elementOf(mark, theme);
  const listed = Object.entries(attributes).map(
    // A program that edits drawings shows a group by its id.
    ([name, value]) => ` ${name === 'data-group' ? 'id' : name}="${escaped(String(value))}"`,
  );
  const inner =
    (title === undefined ? '' : `<title>${escaped(title)}</title>`) +
    (words === undefined ? '' : escaped(words)) +
    (children ?? []).map((child) => written(child, scene, theme)).join('');
  return inner ? `<${tag}${listed.join('')}>${inner}</${tag}>` : `<${tag}${listed.join('')}/>`;
}

function manyWritten(points: Points, scene: Scene, theme: Theme): string {
  const { width, height } = scene;
  const whole = points.opacity === undefined ? '' : ` opacity="${points.opacity}"`;
  const inner =
    points.xs.length > MOST_ELEMENTS
      ? picture(
          { x: 0, y: 0, width: Math.ceil(width), height: Math.ceil(height) },
          pngUrl(pointPixels(points, Math.ceil(width), Math.ceil(height), FINE, theme)),
        )
      : elementsOf(points)
          .map((mark) => written(mark, scene, theme))
          .join('');
  return `<g${whole}>${inner}</g>`;
}

function elementsOf({ xs, ys, r, shape, codes, paints }: Points): Element[] {
  return Array.from({ length: xs.length }, (_, i) => i)
    .filter((i) => Number.isFinite(xs[i]) && Number.isFinite(ys[i]))
    .map((i) => {
      const [x, y, paint] = [xs[i]!, ys[i]!, paints[codes?.[i] ?? 0]!];
      if (shape === 'disc') return circle(x, y, r, { fill: paint });
      if (shape === 'square') return rect([x - r, x + r], [y - r, y + r], { fill: paint });
      const line = { stroke: paint, thick: r * STROKE, round: true };
      if (shape === 'ring') return circle(x, y, r, line);
      const [left, right, top, bottom] = [x - r, x + r, y - r, y + r].map((at) => at.toFixed(2));
      return path(`M${left} ${top}L${right} ${bottom}M${right} ${top}L${left} ${bottom}`, line);
    });
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
const picture = ({ x, y, width, height }: Box, href: string, style = ''): string =>
  `<image x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none"${style} href="${escaped(href)}"/>`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const NOT_XML =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const escaped = (words: string): string => words.replace(NOT_XML, '').replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);
