// The drawing of diversity by layer: the mean over images as a line with dots, the interquartile range of the images as a band.
import { count, tickNumber } from '../../ground/numbers';
import { stepAxis, stepTitle, valueAxis, valueTitle } from '../../plot/axes';
import { axisFor, axisTicks } from '../../plot/axis';
import { Plot } from '../../plot/line_plot';
import { circle, group, path, type Mark, type Scene } from '../../plot/scene';
import type { Summary } from '../../stats/kernels';

export interface Diversity {
  readonly width: number;
  readonly height: number;
  /** Of each layer over the images in scope. */
  readonly summary: Pick<Summary, 'mean' | 'q1' | 'q3' | 'n'>;
  readonly meaning: string;
  /** Layer of the focus head, and those of the head set. */
  readonly focus: number;
  readonly chosen: ReadonlySet<number>;
}

export const knownLayers = ({ n }: Diversity['summary']): number[] => [...n.keys()].filter((layer) => n[layer]! > 0);

export const plotOf = ({ width, height, summary }: Diversity): Plot =>
  new Plot(
    { left: 42, right: width - 14, top: 20, bottom: height - 34 },
    summary.mean.length,
    axisFor([...summary.q3, ...summary.mean], 'linear'),
  );

export function scene(props: Diversity, plot = plotOf(props)): Scene {
  const { width, height, summary, meaning, focus, chosen } = props;
  const known = knownLayers(summary);
  const n = Math.max(0, ...known.map((layer) => summary.n[layer]!));
  const what = meaning.split(' of their')[0]!;
  const dot = (layer: number): Mark =>
    circle(plot.x(layer), plot.y(summary.mean[layer]!), layer === focus ? 5 : 3.6, {
      fill: chosen.has(layer) ? 'ink' : 'accent',
      ...(layer === focus ? { stroke: 'ink', thick: 1.5 } : { stroke: 'panel' }),
      data: { layer, mean: summary.mean[layer]! },
    });
  return {
    width,
    height,
    title: `Diversity of the heads by layer: ${what}, n = ${count(n)} images`,
    marks: [
      valueTitle(what),
      valueAxis(plot.frame, plot.y, axisTicks(plot.axis, 5), tickNumber, 6),
      group('band', [
        path(
          plot.area(
            (layer) => summary.q1[layer]!,
            (layer) => summary.q3[layer]!,
          ),
          { fill: 'muted', opacity: 0.16 },
        ),
      ]),
      group('mean', [
        path(
          plot.line((layer) => summary.mean[layer]!),
          { stroke: 'accent', thick: 1.8 },
        ),
        ...known.map(dot),
      ]),
      stepAxis(plot, (layer) => `L${layer}`),
      stepTitle(plot.frame, height, 'line: mean · band: interquartile range of the images'),
    ],
  };
}

/** Around the layer that is pointed at. */
export const ring = (plot: Plot, { mean }: Diversity['summary'], layer: number): Mark[] =>
  Number.isFinite(mean[layer]) ? [circle(plot.x(layer), plot.y(mean[layer]!), 8, { stroke: 'ink', thick: 1.5 })] : [];
