// The arrays behind the sentence why a head matters for a part of the images, read one after the other, so that they never
// stand in the way of what is on the screen. None belongs to one head: another focus head asks for nothing.
import type { Loaded } from '../../../session/cache.svelte';
import type { Session } from '../../../session/session.svelte';
import { lossOf, meanOf, medianOver, regionEffect, standing, type Leader } from '../../../stats/evidence';
import { headAt } from '../../../ground/run';
import type { HeadWhy } from '../../../io/wire';
import {
  clsClause,
  directionClause,
  distanceClause,
  keysClause,
  patchesClause,
  shapeClause,
  type Gaze,
  type Key,
} from '../../../words/looks';
import { patternClause, pruningClause, REGION_MODES, throughClause } from '../../../words/why';

export interface Columns {
  /** By name [image, layer, head]: `whole` head, spread measures, metrics, modes; `mass` has hops as well. */
  readonly arrays: ReadonlyMap<string, Float32Array>;
  /** More is on its way. */
  readonly pending: boolean;
}

const MEASURES = [
  'distance',
  'distance_rescaled',
  'distance_no_sinks',
  'to_cls',
  'to_other',
  'cls_self',
  'cls_to_patches',
  'entropy',
  'nmi',
  'focus',
  'few_keys',
  'corners',
  'border',
  'neighbour',
  'step_down',
  'step_right',
];

/** What is here so far; reading starts the fetch of the first that is missing. To be read in a derived. */
export function columns({ data, run }: Session): Columns {
  const arrays = new Map<string, Float32Array>();
  const known = (list: readonly { readonly name: string; readonly available: boolean }[]) => (name: string) =>
    list.some((item) => item.name === name && item.available);
  type Wanted = readonly [name: string, read: () => Loaded<Float32Array>];
  const each = (names: readonly string[], read: (name: string) => Loaded<Float32Array>): Wanted[] =>
    names.map((name) => [name, () => read(name)]);
  const wanted: Wanted[] = [
    ['whole', () => data.get('importance', { metric: run.defaultMetric, mode: 'head' })],
    ['mass', () => data.get('strength', { kind: 'mass' })],
    ...each(MEASURES.filter(known(run.spread)), (name) => data.get('spread', { measure: name })),
    ...each(['prob_drop', 'flip'].filter(known(run.metrics)), (name) =>
      data.get('importance', { metric: name, mode: 'head' }),
    ),
    ...each(REGION_MODES.filter(known(run.modes)), (mode) =>
      data.get('importance', { metric: run.defaultMetric, mode }),
    ),
  ];
  for (const [name, read] of wanted) {
    const { value, failure } = read();
    if (value) arrays.set(name, value);
    else if (!failure) return { arrays, pending: true };
  }
  return { arrays, pending: false };
}

/** `now`, or what was there `before` where it is the same: columns for other panes come and go. */
export function unchanged(before: Columns | null, now: Columns): Columns {
  const same = before?.pending === now.pending && before.arrays.size === now.arrays.size;
  return same && [...now.arrays].every(([name, values]) => before.arrays.get(name) === values) ? before : now;
}

/** The head and images it is about. */
export interface About {
  readonly index: number;
  readonly rows: Int32Array;
  /** Of these images by the measure of the run. */
  readonly leader: Leader;
}

/** Why a head matters over some images; null where nothing of it is measured. */
export function reasonFor(session: Session, { arrays }: Columns, about: About): HeadWhy | null {
  const { cells, run } = session;
  const { index, rows: inScope, leader } = about;
  const whole = arrays.get('whole');
  const stands = whole ? standing(whole, cells, inScope, index, run.defaultMetric, leader) : null;
  if (!whole || !stands) return null;
  const seen = gazeOf(session, arrays, about);
  const regions = REGION_MODES.flatMap((mode) => {
    const part = arrays.get(mode);
    return (part && regionEffect(mode, part, whole, cells, inScope, index)) ?? [];
  });
  const [drop, flip] = [arrays.get('prob_drop') ?? null, arrays.get('flip') ?? null];
  const answers = run.metrics.some(({ name, available }) => name === 'flip' && available);
  const told = {
    patches: seen ? patchesClause(seen) : '',
    direction: seen ? directionClause(seen) : '',
    cls: seen ? clsClause(seen) : '',
    keys: seen ? keysClause(seen, sinksOf(session, index)) : '',
    distance: seen ? distanceClause(seen) : '',
    shape: seen ? shapeClause(seen) : '',
    pattern: patternOf(session, about),
    through: throughClause(regions),
    pruning: answers && !flip ? '' : pruningClause(stands, lossOf(drop, flip, session.images, cells, inScope, index)),
  };
  const clauses = Object.entries(told).map(([name, text]) => ({ name, text }));
  return { standing: stands, clauses: clauses.filter(({ text }) => text !== '') };
}

function patternOf({ patterns, run }: Session, { index, rows }: About): string {
  const facts = patterns?.factsOf(headAt(run, index), rows);
  return facts ? patternClause(facts) : '';
}

function gazeOf({ run, cells }: Session, arrays: Columns['arrays'], { index, rows: inScope }: About): Gaze | null {
  const mass = arrays.get('mass');
  if (!mass) return null;
  const mean = (name: string): number => {
    const values = arrays.get(name);
    return values ? meanOf(values, cells, inScope, index) : NaN;
  };
  const few = arrays.get('few_keys');
  return {
    tokens: run.tokens,
    diagonal: run.diagonal,
    mass: Array.from({ length: run.hops }, (_, hop) => meanOf(mass, cells * run.hops, inScope, index * run.hops + hop)),
    toCls: mean('to_cls'),
    toOther: mean('to_other'),
    clsToCls: mean('cls_self'),
    clsToPatches: mean('cls_to_patches'),
    corners: mean('corners'),
    border: mean('border'),
    neighbour: mean('neighbour'),
    stepDown: mean('step_down'),
    stepRight: mean('step_right'),
    fewKeys: few ? medianOver(few, cells, inScope, index) : NaN,
    distance: mean('distance'),
    distanceRescaled: mean('distance_rescaled'),
    distanceNoSinks: mean('distance_no_sinks'),
    missing: run.spread.find(({ name }) => name === 'distance_no_sinks')?.reason ?? '',
    entropy: mean('entropy'),
    nmi: mean('nmi'),
    focus: mean('focus'),
  };
}

/** From the mean matrices, where they are here and whole. */
function sinksOf({ data, run }: Session, index: number): readonly Key[] {
  const { layer, head } = headAt(run, index);
  return data.get('sinks', {}).value?.[layer]?.[head] ?? [];
}
