// What the strength views say of a head and of a choice by profile.
import type { Session } from '../../../session/session.svelte';
import { headAt, headName } from '../../../ground/run';
import { ringMembers, type Profile } from '../../../attention/strength';
import { fixed, reportedShare } from '../../../ground/form';
import { count, number, percent } from '../../../ground/numbers';

export interface StrengthData {
  /** Means over the images in scope [layer, head, hop]; density only where it is shown. */
  readonly mass: Float64Array;
  readonly density: Float64Array | null;
  /** Mean distance in pixels [layer, head], without sinks where the run has that; null while it is on its way. */
  readonly distance: Float64Array | null;
  readonly noSinks: boolean;
  /** Share of the patches' attention that goes to CLS [layer, head]. */
  readonly toCls: Float64Array | null;
  /** Place of every head that exists. */
  readonly heads: readonly number[];
}

/** `38 px (2.4 patches, 12 % of the diagonal)`. */
export function distanceWords(session: Session, distance: number): string {
  const { tokens, diagonal } = session.run;
  const patch = (tokens.patch.height + tokens.patch.width) / 2;
  return `${number(distance)} px (${fixed(distance / patch, 1)} patches, ${reportedShare(distance / diagonal)} of the diagonal)`;
}

/** Images that the head has a profile on, of those that the means are of. */
function measured(session: Session, index: number): number {
  const values = session.data.get('strength', { kind: 'mass' }).value;
  if (!values) return 0;
  const { hops } = session.run;
  return session.aggregated.reduce(
    (n, row) => n + (Number.isFinite(values[(row * session.cells + index) * hops]) ? 1 : 0),
    0,
  );
}

/** The lines of the tooltip: the head at a hop, its distance, the focus image, n. */
export function strengthTooltip(session: Session, data: StrengthData, index: number, hop: number): string[] {
  const { hops, tokens } = session.run;
  const mass = data.mass[index * hops + hop]!;
  const name = `${headName(headAt(session.run, index))} · k = ${hop}${hop === 0 ? ' (the patch itself)' : ''}`;
  if (!Number.isFinite(mass)) return [name, 'not computed for the images in scope'];
  const exact = data.density?.[index * hops + hop];
  const density = exact ?? mass / ringMembers(tokens, hops)[hop]!;
  const lines = [
    `${name}: ${number(mass)} mass (${percent(mass)}), ${exact === undefined ? '≈ ' : ''}${percent(density)} / patch`,
  ];
  if (data.distance)
    lines.push(`mean distance${data.noSinks ? ' without sinks' : ''} ${distanceWords(session, data.distance[index]!)}`);
  const rest: string[] = [];
  if (tokens.cls !== null && data.toCls) rest.push(`to CLS ${percent(data.toCls[index])}`);
  if (hop !== 0) rest.push(`to itself ${percent(data.mass[index * hops])}`);
  if (rest.length) lines.push(rest.join(' · '));
  const { image } = session;
  const own = image !== null && image < session.run.nImages ? onImage(session, image, index, hop) : NaN;
  const n = `n = ${count(measured(session, index))} images`;
  lines.push(Number.isFinite(own) ? `${n} · image #${image}: ${percent(own)}` : n);
  return lines;
}

function onImage(session: Session, image: number, index: number, hop: number): number {
  return (
    session.data.get('strength', { kind: 'mass' }).value?.[(image * session.cells + index) * session.run.hops + hop] ??
    NaN
  );
}

/** `hops 0–1`, `hop 3`. */
const hopsWords = ({ from, to }: Profile): string => (from === to ? `hop ${from}` : `hops ${from}–${to}`);

/** `7 heads attend with at least 50 % to hops 0–1`. */
export function profileWords(profile: Profile, found: number): string {
  const heads = found === 0 ? 'No head attends' : found === 1 ? '1 head attends' : `${found} heads attend`;
  return `${heads} with at least ${shareWords(profile.least)} to ${hopsWords(profile)}`;
}

const shareWords = (share: number): string => `${+(100 * share).toFixed(1)} %`;
