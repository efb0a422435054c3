// Marks as elements of SVG: what the page puts into its document and what a file holds are the same.

import type { Theme } from './colour';
import { colourOf } from './inks';
import type { Element, Mark, Style } from './scene';

export interface Drawn {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly words?: string;
  readonly title?: string;
  readonly children?: readonly Mark[];
}

/** Points on the screen to the hundredth: more is not seen. */
const at = (value: number): number => Math.round(value * 100) / 100;

export function elementOf(mark: Mark, theme: Theme): Drawn {
  if (mark.kind === 'group') return { tag: 'g', attributes: { 'data-group': mark.name }, children: mark.marks };
  // The page shows these itself.
  if (mark.kind === 'raster' || mark.kind === 'points' || mark.kind === 'picture') return { tag: 'g', attributes: {} };
  const named = Object.entries(mark.data ?? {}).map(([name, value]) => [`data-${name}`, value]);
  return {
    tag: mark.kind,
    attributes: { ...shapeOf(mark), ...styleOf(mark, theme), ...Object.fromEntries(named) },
    ...(mark.title === undefined ? {} : { title: mark.title }),
    ...(mark.kind === 'text' ? { words: mark.text } : {}),
  };
}

function shapeOf(mark: Element): Record<string, string | number> {
  switch (mark.kind) {
    case 'path':
      return { d: mark.d };
    case 'line':
      return { x1: at(mark.x1), x2: at(mark.x2), y1: at(mark.y1), y2: at(mark.y2) };
    case 'rect': {
      const { x, y, width, height, corner } = mark;
      return { x: at(x), y: at(y), width: at(width), height: at(height), ...(corner ? { rx: corner } : {}) };
    }
    case 'circle':
      return { cx: at(mark.x), cy: at(mark.y), r: at(mark.r) };
    case 'text':
      return {
        ...(mark.upright
          ? { transform: `translate(${at(mark.x)} ${at(mark.y)}) rotate(-90)` }
          : { x: at(mark.x), y: at(mark.y) }),
        ...(mark.anchor ? { 'text-anchor': mark.anchor } : {}),
        ...(mark.bold ? { 'font-weight': 700 } : {}),
        ...(mark.size ? { 'font-size': mark.size } : {}),
      };
  }
}

function styleOf(mark: Element, theme: Theme): Record<string, string | number> {
  const { stroke, thick, dash, round, opacity, fillOpacity, strokeOpacity }: Style = mark;
  const fill = mark.fill ?? (mark.kind === 'text' ? 'muted' : 'none');
  return {
    // The system's few colours would take its meaning from a name in a head's colour.
    ...(mark.kind === 'text' && typeof fill === 'object' ? { class: 'own-colour' } : {}),
    fill: colourOf(fill, theme),
    ...(stroke ? { stroke: colourOf(stroke, theme) } : {}),
    ...(thick === undefined ? {} : { 'stroke-width': thick }),
    ...(dash ? { 'stroke-dasharray': dash } : {}),
    ...(round ? { 'stroke-linecap': 'round', 'stroke-linejoin': 'round' } : {}),
    ...(opacity === undefined ? {} : { opacity }),
    ...(fillOpacity === undefined ? {} : { 'fill-opacity': fillOpacity }),
    ...(strokeOpacity === undefined ? {} : { 'stroke-opacity': strokeOpacity }),
    ...(mark.kind === 'text' && mark.rim
      ? {
          stroke: colourOf(mark.rim === true ? 'panel' : mark.rim, theme),
          'stroke-width': 3,
          'stroke-linejoin': 'round',
          'paint-order': 'stroke',
        }
      : {}),
  };
}
