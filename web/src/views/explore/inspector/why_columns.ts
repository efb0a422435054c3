// The arrays behind the sentence why a head matters, read one after the other, so that they never stand in the way of
// what is on the screen. None belongs to one head: another focus head asks for nothing.
import type { Session } from '../../../app/session.svelte';
import type { Summary } from '../../../core/kernels';
import { clsClause, distanceClause, keyClause, patchesClause, pruningClause, REGION_MODES, shapeClause, throughClause } from '../../../core/why';
import type { Gaze, Loss, RegionEffect, Standing } from '../../../core/why';
import { keyToken, lossOf, medianOver, regionEffect, standing } from '../../../core/evidence';

export interface Columns {
  readonly values: Float32Array | null;
  readonly summary: Summary | null;
  readonly mass: Float64Array | null;
  /** Means over the images in scope [layer, head], by measure. */
  readonly spread: ReadonlyMap<string, Float64Array>;
  readonly sink: Float32Array | null;
  readonly drop: Float32Array | null;
  readonly flip: Float32Array | null;
  readonly parts: ReadonlyMap<string, Float32Array>;
  /** More is on its way. */
  readonly pending: boolean;
}

const MEASURES = ['distance', 'to_cls', 'to_other', 'cls_self', 'cls_to_patches', 'entropy', 'nmi', 'focus'];

/** What is here so far; reading starts the fetch of the first that is missing. To be read in a derived. */
export function columns(session: Session): Columns {
  const { data, run } = session;
  const metric = run.defaultMetric;
  const spread = new Map<string, Float64Array>();
  const parts = new Map<string, Float32Array>();
  const found = { values: null, summary: null, mass: null, sink: null, drop: null, flip: null } as {
    -readonly [K in 'values' | 'summary' | 'mass' | 'sink' | 'drop' | 'flip']: Columns[K];
  };
  const known = (list: readonly { readonly name: string; readonly available: boolean }[], name: string): boolean =>
    list.some((item) => item.name === name && item.available);
  /** Goes on with what has arrived or failed; false while it is awaited. */
  const done = (loaded: { readonly value: unknown; readonly failure: unknown }): boolean => loaded.value !== null || loaded.failure !== null;

  const steps: (() => boolean)[] = [
    () => {
      const loaded = data.importance(metric, 'head');
      found.values = loaded.value;
      found.summary = session.summaryOf(metric, 'head');
      return done(loaded);
    },
    () => ((found.mass = session.strengthMeans('mass')), done(data.strength('mass'))),
    ...MEASURES.filter((name) => known(run.spread, name)).map((name) => () => {
      const mean = session.spreadMeans(name);
      if (mean) spread.set(name, mean);
      return done(data.spread(name));
    }),
    () => !known(run.spread, 'sink') || ((found.sink = data.spread('sink').value), done(data.spread('sink'))),
    ...(['prob_drop', 'flip'] as const).map((name) => () => {
      if (!known(run.metrics, name)) return true;
      const loaded = data.importance(name, 'head');
      found[name === 'flip' ? 'flip' : 'drop'] = loaded.value;
      return done(loaded);
    }),
    ...REGION_MODES.filter((mode) => known(run.modes, mode)).map((mode) => () => {
      const loaded = data.importance(metric, mode);
      if (loaded.value) parts.set(mode, loaded.value);
      return done(loaded);
    }),
  ];
  const pending = steps.some((step) => !step());
  return { ...found, spread, parts, pending };
}

export interface Reason {
  readonly standing: Standing;
  /** By name, for tests and keys; empty clauses are left out. */
  readonly clauses: readonly { readonly name: string; readonly text: string }[];
}

/** Why the focus head matters over the images in scope; null where nothing of it is measured. */
export function reasonFor(session: Session, { values, summary, mass, spread, sink, drop, flip, parts }: Columns): Reason | null {
  const { cells, inScope, headIndex: index, run } = session;
  if (!values || !summary || !summary.n[index]) return null;
  const stands = standing(values, summary, cells, inScope, index, run.defaultMetric);
  const mean = (name: string): number => spread.get(name)?.[index] ?? NaN;
  const seen: Gaze | null = mass && {
    tokens: run.tokens,
    diagonal: run.diagonal,
    mass: mass.subarray(index * run.hops, (index + 1) * run.hops),
    toCls: mean('to_cls'),
    toOther: mean('to_other'),
    clsToCls: mean('cls_self'),
    clsToPatches: mean('cls_to_patches'),
    distance: mean('distance'),
    entropy: mean('entropy'),
    nmi: mean('nmi'),
    focus: mean('focus'),
    concentration: sink ? medianOver(sink, cells, inScope, index) : NaN,
  };
  const regions = [...parts]
    .map(([mode, part]) => regionEffect(mode, part, values, cells, inScope, index))
    .filter((effect): effect is RegionEffect => effect !== null);
  const lost: Loss = lossOf(drop, flip, session.images, cells, inScope, index);
  const answers = run.metrics.some(({ name, available }) => name === 'flip' && available);
  const told = {
    patches: seen ? patchesClause(seen) : '',
    cls: seen ? clsClause(seen) : '',
    key: seen ? keyClause(seen, keyOf(session)) : '',
    distance: seen ? distanceClause(seen) : '',
    shape: seen ? shapeClause(seen) : '',
    through: throughClause(regions),
    pruning: answers && !flip ? '' : pruningClause(stands, lost),
  };
  const clauses = Object.entries(told).map(([name, text]) => ({ name, text }));
  return { standing: stands, clauses: clauses.filter(({ text }) => text !== '') };
}

function keyOf({ data, head, run }: Session): ReturnType<typeof keyToken> {
  const means = data.peekMeanMatrices(head.layer);
  if (!means || means.pooled || means.size !== run.tokens.prefix.length + run.tokens.rows * run.tokens.cols) return null;
  const entries = means.size * means.size;
  return keyToken(means.values.subarray(head.head * entries, (head.head + 1) * entries), means.size);
}
