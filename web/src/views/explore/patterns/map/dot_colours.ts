// What colours a dot of the map: its pattern, its own name by rule, its layer, the importance of its head, the class of its image.
import type { PatternModel } from '../../../../session/patterns.svelte';
import type { Session } from '../../../../session/session.svelte';
import { colourAt, css, place, scaleFor, type Scale, type Theme } from '../../../../plot/colour';
import { headIndex, shortName } from '../../../../ground/run';
import {
  classColour,
  clusterColour,
  MOST_CLASSES,
  othersColour,
  valueColour,
  type DotColours,
} from '../../../../plot/pattern_colours';
import { NO_CLUSTER } from '../../../../patterns/sample';

const SHADES = 32;

/** Codes by head or by image become one code a matrix. */
function spreadOver(n: number, code: (matrix: number) => number): Uint8Array {
  const codes = new Uint8Array(n);
  for (let i = 0; i < n; i++) codes[i] = code(i);
  return codes;
}

/** Classes with a colour: those of the scope, else the most frequent of the sample. */
export function colouredClasses(
  session: Session,
  model: PatternModel,
): readonly { readonly target: number; readonly name: string }[] {
  const { images, shown } = session;
  let chosen = shown.scope.classes.slice(0, MOST_CLASSES);
  if (!chosen.length && model.sample) {
    const counts = new Map<number, number>();
    for (const image of model.sample.images)
      counts.set(images.target[image]!, (counts.get(images.target[image]!) ?? 0) + 1);
    const known = [...counts].filter(([target]) => target >= 0).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    chosen = known.slice(0, MOST_CLASSES).map(([target]) => target);
  }
  return chosen.map((target) => ({ target, name: shortName(images, target) }));
}

/** Colour of a place on a scale: signed values keep 0 at the neutral colour. */
export const scaleColour = ({ signed }: Scale, at: number, theme: Theme): string =>
  signed ? css(colourAt(at, true, theme)) : valueColour(at, theme);

export const importanceScale = (session: Session): Scale =>
  scaleFor(session.fill ?? [], session.metric.signed, session.options.scale);

export function dotColours(session: Session, model: PatternModel, theme: Theme): DotColours | null {
  const { sample, points } = model;
  if (!sample || !points) return null;
  const [heads, n] = [sample.heads.length, points.cluster.length];
  const kind = session.options.patternColour;
  if (kind === 'cluster') {
    const list = Array.from({ length: NO_CLUSTER + 1 }, (_, cluster) => clusterColour(cluster, theme));
    return { codes: points.cluster, colours: list };
  }
  if (kind === 'rule') {
    return { codes: points.pattern, colours: (model.info?.patterns ?? []).map((_, at) => clusterColour(at, theme)) };
  }
  if (kind === 'layer') {
    const layers = session.run.model.nLayers;
    return {
      codes: spreadOver(n, (matrix) => sample.heads[matrix % heads]!.layer),
      colours: Array.from({ length: layers }, (_, layer) => valueColour(layers > 1 ? layer / (layers - 1) : 1, theme)),
    };
  }
  if (kind === 'importance') {
    const scale = importanceScale(session);
    const shades = Array.from({ length: SHADES }, (_, i) => scaleColour(scale, i / (SHADES - 1), theme));
    const byHead = sample.heads.map((head) => {
      const value = session.fill?.[headIndex(session.run, head)] ?? NaN;
      return value === value ? Math.round(place(scale, value) * (SHADES - 1)) : SHADES;
    });
    return { codes: spreadOver(n, (matrix) => byHead[matrix % heads]!), colours: [...shades, othersColour(theme)] };
  }
  const classes = colouredClasses(session, model);
  const placeOf = new Map(classes.map(({ target }, at) => [target, at]));
  const byImage = Array.from(sample.images, (image) => placeOf.get(session.images.target[image]!) ?? classes.length);
  return {
    codes: spreadOver(n, (matrix) => byImage[Math.floor(matrix / heads)]!),
    colours: [...classes.map((_, at) => classColour(at, theme)), othersColour(theme)],
  };
}
