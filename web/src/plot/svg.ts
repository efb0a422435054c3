// A scene as a file: one SVG that stands alone, with its colours and its font named and its text as text.

import type { Theme } from './colour';
import { elementOf } from './elements';
import { colourOf } from './inks';
import type { Mark, Scene } from './scene';

/** The families of app/style.css, those first that most readers of a file have. */
const FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
export const FONT_SIZE = 11;

/** The scene as a whole document. Words of the data stay words: they are escaped, and what XML cannot hold is left out. */
export function toSvg(scene: Scene, theme: Theme = 'light'): string {
  const { width, height, title, marks } = scene;
  const ground = colourOf('panel', theme);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `role="img" font-family="${escaped(FONT)}" font-size="${FONT_SIZE}">` +
    `<title>${escaped(title)}</title><rect width="${width}" height="${height}" fill="${ground}"/>` +
    `${marks.map((mark) => written(mark, theme)).join('')}</svg>`
  );
}

function written(mark: Mark, theme: Theme): string {
  const { tag, attributes, words, title, children } = elementOf(mark, theme);
  const listed = Object.entries(attributes).map(
    // A program that edits drawings shows a group by its id.
    ([name, value]) => ` ${name === 'data-group' ? 'id' : name}="${escaped(String(value))}"`,
  );
  const inner =
    (title === undefined ? '' : `<title>${escaped(title)}</title>`) +
    (words === undefined ? '' : escaped(words)) +
    (children ?? []).map((child) => written(child, theme)).join('');
  return inner ? `<${tag}${listed.join('')}>${inner}</${tag}>` : `<${tag}${listed.join('')}/>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const NOT_XML =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const escaped = (words: string): string => words.replace(NOT_XML, '').replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);
