// What colours the images: a number each, its scale and its name; or nothing, and right and wrong do.
import type { Session } from '../../app/session.svelte';
import { colourAt, css, place, scaleFor, type Scale, type Theme } from '../../core/colour';
import { headName } from '../../core/focus';
import { shadesOf } from '../../core/scatter';
import { number, percent, shortMetric } from '../../core/words';
import { INKS, type Marks } from './image_paint';

export interface Colouring {
  readonly values: Float32Array;
  readonly scale: Scale;
  readonly caption: string;
  readonly text: (value: number) => string;
}

const SHADES = 32;

/** To be read in a derived. */
export function colouringOf(session: Session): Colouring | null {
  const { options, metric, mode, head } = session;
  if (options.imageColour === 'correct') return null;
  const confidence = options.imageColour === 'confidence';
  const values = session.axisNumbers(confidence ? 'confidence' : `head.${metric.name}.${mode.name}.${head.layer}.${head.head}`);
  if (!values) return null;
  if (confidence) {
    const scale: Scale = { low: 0, high: 1, signed: false, kind: 'linear' };
    return { values, scale, caption: 'Confidence', text: (value) => percent(value).replace('.0 %', ' %') };
  }
  const scale = scaleFor(values, metric.signed, options.scale);
  const unit = metric.unit ? ` (${metric.unit})` : '';
  const caption = `${headName(head)} · ${shortMetric(metric)}${unit}${options.scale === 'log' ? ' · log' : ''}`;
  return { values, scale, caption, text: (value) => number(value).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') };
}

export function shaded({ values, scale }: Colouring, theme: Theme): NonNullable<Marks['colours']> {
  const list = Array.from({ length: SHADES }, (_, i) => css(colourAt(i / (SHADES - 1), scale.signed, theme)));
  return { of: shadesOf(values, (value) => place(scale, value), SHADES), list: [...list, INKS[theme].out] };
}
