// What colours the images: a number each with its scale, or the pattern of the focus head; or nothing, and right and
// wrong do.
import type { Session } from '../../../session/session.svelte';
import { place, scaleFor, type Scale, type Theme } from '../../../plot/colour';
import { colourOf, type Paint } from '../../../plot/inks';
import { headName } from '../../../ground/run';
import { clusterPaint } from '../../../plot/pattern_colours';
import { clustersOfHead, NO_CLUSTER } from '../../../patterns/sample';
import { shadesOf } from '../../../plot/marks/scatter';
import { percent, tickNumber } from '../../../ground/numbers';
import { shortMetric } from '../../../words/words';
import { INKS, type Marks } from './image_paint';

interface ByNumber {
  readonly kind: 'number';
  readonly scale: Scale;
  readonly text: (value: number) => string;
}
interface ByPattern {
  readonly kind: 'pattern';
  /** The patterns that the focus head shows on images in scope, the commonest first. */
  readonly entries: readonly { readonly cluster: number; readonly name: string; readonly n: number }[];
  /** Images in scope whose matrices are not in the sample. */
  readonly unknown: number;
}
export type Colouring = (ByNumber | ByPattern) & {
  /** What a contact sheet is sorted by, largest first; NaN = not known. */
  readonly values: Float32Array;
  readonly caption: string;
};

const SHADES = 32;

/** To be read in a derived. */
export function colouringOf(session: Session): Colouring | null {
  const { options, metric, mode, head } = session;
  if (options.imageColour === 'correct') return null;
  if (options.imageColour === 'pattern') return byPattern(session);
  const confidence = options.imageColour === 'confidence';
  const values = session.axisNumbers(
    confidence ? 'confidence' : `head.${metric.name}.${mode.name}.${head.layer}.${head.head}`,
  );
  if (!values) return null;
  if (confidence) {
    const scale: Scale = { low: 0, high: 1, signed: false, kind: 'linear' };
    return {
      kind: 'number',
      values,
      scale,
      caption: 'Confidence',
      text: (value) => percent(value).replace('.0 %', ' %'),
    };
  }
  const scale = scaleFor(values, metric.signed, options.scale);
  const unit = metric.unit ? ` (${metric.unit})` : '';
  const caption = `${headName(head)} · ${shortMetric(metric)}${unit}${options.scale === 'log' ? ' · log' : ''}`;
  return {
    kind: 'number',
    values,
    scale,
    caption,
    text: tickNumber,
  };
}

function byPattern({ patterns: model, head, shown }: Session): Colouring | null {
  if (!model?.points || !model.sample) return null;
  const cluster = clustersOfHead(model.points.cluster, model.sample, head);
  const counts = new Map<number, number>();
  for (const row of shown.rows) counts.set(cluster[row]!, (counts.get(cluster[row]!) ?? 0) + 1);
  const known = [...counts].filter(([of]) => of !== NO_CLUSTER).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return {
    kind: 'pattern',
    values: Float32Array.from(cluster, (of) => (of === NO_CLUSTER ? NaN : -of)), // clusters are numbered largest first
    caption: `Pattern of ${headName(head)}`,
    entries: known.map(([of, n]) => ({ cluster: of, name: model.nameOf(of), n })),
    unknown: counts.get(NO_CLUSTER) ?? 0,
  };
}

/** A colour for each image: which, and the colours. */
export function paintsOf(colouring: Colouring): { readonly codes: Uint8Array; readonly paints: readonly Paint[] } {
  const { values } = colouring;
  const out = { light: INKS.light.out, dark: INKS.dark.out };
  if (colouring.kind === 'pattern') {
    const most = Math.max(0, ...colouring.entries.map(({ cluster }) => cluster)) + 1;
    const paints = Array.from({ length: most }, (_, cluster) => clusterPaint(cluster));
    return {
      codes: Uint8Array.from(values, (value) => Math.min(most, value === value ? -value : most)),
      paints: [...paints, out],
    };
  }
  const { scale } = colouring;
  const paints = Array.from({ length: SHADES }, (_, i) => ({ place: i / (SHADES - 1), signed: scale.signed }));
  return { codes: shadesOf(values, (value) => place(scale, value), SHADES), paints: [...paints, out] };
}

export function shaded(colouring: Colouring, theme: Theme): NonNullable<Marks['colours']> {
  const { codes, paints } = paintsOf(colouring);
  return { of: codes, list: paints.map((paint) => colourOf(paint, theme)) };
}

/** Images in scope on which the focus head shows the chosen patterns; null while none is chosen. */
export function patternedImages({ patterns: model, head, shown }: Session): Int32Array | null {
  return model?.inSet ? shown.rows.filter((row) => model.holds(row, head)) : null;
}
