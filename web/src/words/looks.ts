// Where one head attends, in words, as text/looks.py says it: what was found, never a denial. What is not known is left out.
import {
  BORDER_SHARE,
  BORDER_TIMES,
  CORNER_SHARE,
  FEW_KEYS,
  FEW_KEYS_PART,
  NEIGHBOUR_SHARE,
  SINK_TIMES,
  STEP_CLEAR,
  STEP_PART,
  WORTH_TELLING,
} from '../io/quantities.gen';
import type { TokenInfo } from '../io/wire';
import { fixed, nameList, reported, reportedShare } from '../ground/form';
import { uniformReach } from '../attention/strength';
import { tokenCount } from '../ground/tokens';

const [SHARED_MAP, OWN_MAP] = [0.1, 0.4];
const [SHARP, FLAT] = [0.5, 0.9];
/** Sinks that are named one by one. */
const NAMED = 3;

/** Where one head attends: means over the images in scope; NaN = not defined for the layout, or not here yet. */
export interface Gaze {
  readonly tokens: TokenInfo;
  readonly diagonal: number;
  /** By hop: share of the patches' attention. */
  readonly mass: ArrayLike<number>;
  readonly toCls: number;
  readonly toOther: number;
  readonly clsToCls: number;
  readonly clsToPatches: number;
  /** Shares of the patches' attention on the corner patches, on the border (corners included), on the best neighbour. */
  readonly corners: number;
  readonly border: number;
  readonly neighbour: number;
  readonly stepDown: number;
  readonly stepRight: number;
  /** Keys that hold half of the patches' attention; median over images. */
  readonly fewKeys: number;
  readonly distance: number;
  readonly distanceRescaled: number;
  readonly distanceNoSinks: number;
  /** Why the run does not tell what sinks do to the distance; empty where it does. */
  readonly missing: string;
  readonly entropy: number;
  readonly nmi: number;
  readonly focus: number;
}

/** A key token and its share of the patches' attention, mean over all images of the run. */
export interface Key {
  readonly token: number;
  readonly share: number;
}

export function patchesClause({ tokens, mass, toCls, toOther }: Gaze): string {
  let far = 0;
  for (let hop = 2; hop < mass.length; hop++) far += mass[hop]!;
  const shares: [number, string][] = [
    [tokens.cls === null ? NaN : toCls, 'CLS'],
    [hasOthers(tokens) ? toOther : NaN, 'the other prefix tokens'],
    [mass[0]!, 'themselves'],
    [mass[1] ?? 0, 'their neighbours (1 hop)'],
    [far, 'patches further away'],
  ];
  const told = shares.filter(([share]) => share >= WORTH_TELLING).sort(([a, x], [b, y]) => b - a || (x < y ? 1 : -1));
  return told.length
    ? `its patches attend with ${nameList(told.map(([share, where]) => `${reportedShare(share)} to ${where}`))}`
    : '';
}

/** The one neighbour that each patch attends to; nothing where there is none, or two opposite ones. */
export function directionClause({ neighbour, stepDown, stepRight }: Gaze): string {
  const larger = Math.max(Math.abs(stepDown), Math.abs(stepRight));
  if (!(neighbour >= NEIGHBOUR_SHARE) || !(larger >= STEP_CLEAR)) return '';
  const parts: [number, string, string][] = [
    [stepDown, 'above it', 'below it'],
    [stepRight, 'on its left', 'on its right'],
  ];
  const told = parts
    .filter(([step]) => Math.abs(step) >= STEP_PART * larger)
    .map(([step, less, more]) => (step < 0 ? less : more));
  return `each patch attends to the patch ${told.join(' and ')}: ${reportedShare(neighbour)} of the patches' attention`;
}

export function clsClause({ clsToPatches, clsToCls }: Gaze): string {
  if (!Number.isFinite(clsToPatches)) return '';
  return `its CLS attends with ${reportedShare(clsToPatches)} to patches and ${reportedShare(clsToCls)} to itself`;
}

/** Few keys that draw the patches. Single sinks come from mean matrices over all images, which the words say. */
export function keysClause({ tokens, corners, border, fewKeys }: Gaze, sinks: readonly Key[]): string {
  const total = tokenCount(tokens);
  const [atCorners, atBorder] = [cornerCount(tokens), borderCount(tokens)];
  const told: string[] = [];
  const cornered = corners >= Math.max(CORNER_SHARE, (SINK_TIMES * atCorners) / total);
  if (cornered) told.push(takes('corner', atCorners, corners, atCorners / total));
  const uniform = (atBorder - atCorners) / total;
  if (uniform > 0 && border - corners >= Math.max(BORDER_SHARE, BORDER_TIMES * uniform))
    told.push(takes('border', atBorder, border, atBorder / total));
  told.push(
    sinksWords(
      tokens,
      sinks.filter(({ token }) => !(cornered && isCorner(tokens, token))),
    ),
  );
  if (fewKeys <= Math.min(FEW_KEYS, total / FEW_KEYS_PART)) {
    told.push(
      `half of the patches' attention is on ${fewKeys === 1 ? '1 key' : `${fewKeys} keys`} of ${total} in the median image`,
    );
  }
  return told.filter(Boolean).join(', ');
}

function takes(which: string, n: number, share: number, uniform: number): string {
  const taken = n > 1 ? `the ${n} ${which} patches take` : `the ${which} patch takes`;
  return `${taken} ${reportedShare(share)} of the patches' attention (uniform would be ${reportedShare(uniform)})`;
}

function sinksWords(tokens: TokenInfo, sinks: readonly Key[]): string {
  const first = sinks[0];
  if (!first) return '';
  if (sinks.length === 1) {
    const times = reported(first.share * tokenCount(tokens));
    return (
      `${keyName(tokens, first.token)} is a sink over all images: ${reportedShare(first.share)} of the patches' attention, ` +
      `${times} times uniform`
    );
  }
  const named = sinks.slice(0, NAMED).map(({ token, share }) => `${keyName(tokens, token)} (${reportedShare(share)})`);
  if (sinks.length > NAMED) named.push(`${sinks.length - NAMED} more`);
  const together = sinks.reduce((sum, { share }) => sum + share, 0);
  return `${nameList(named)} are sinks over all images: together ${reportedShare(together)} of the patches' attention`;
}

export function keyName(tokens: TokenInfo, token: number): string {
  const patch = token - tokens.prefix.length;
  if (patch >= 0) return `patch ${Math.floor(patch / tokens.cols)},${patch % tokens.cols}`;
  return token === tokens.cls ? 'CLS' : tokens.prefix[token]!;
}

export function distanceClause({
  tokens,
  mass,
  distance,
  distanceRescaled,
  distanceNoSinks,
  missing,
  diagonal,
}: Gaze): string {
  if (!Number.isFinite(distance)) return '';
  const near = mass[0]! + (mass[1] ?? 0);
  const uniform = uniformReach(tokens);
  const ways = [`${reported(distance)} px (${reportedShare(distance / diagonal)} of the diagonal)`];
  if (Number.isFinite(distanceRescaled)) ways.push(`${reported(distanceRescaled)} px over patches alone`);
  if (Number.isFinite(distanceNoSinks)) ways.push(`${reported(distanceNoSinks)} px without sinks`);
  const unknown = missing ? `; whether sinks make it long is not known: ${missing}` : '';
  return (
    `mean distance ${ways.join(', ')} (uniform attention ${reported(uniform.distance)} px${unknown}), ` +
    `with ${reportedShare(near)} within 1 hop, ${fixed(near / uniform.near, 1)} times uniform`
  );
}

export function shapeClause({ tokens, entropy, nmi, focus }: Gaze): string {
  const told: string[] = [];
  const most = Math.log(tokenCount(tokens));
  if (Number.isFinite(entropy) && most > 0) {
    const word = entropy / most < SHARP ? 'sharp' : entropy / most > FLAT ? 'almost even' : 'broad';
    told.push(`${word} (entropy ${fixed(entropy, 2)} of at most ${fixed(most, 2)} nats)`);
  }
  if (Number.isFinite(nmi)) {
    const many = nmi < SHARED_MAP ? 'all queries share one map' : 'queries share a map in part';
    told.push(`${nmi > OWN_MAP ? 'each query has its own map' : many} (nmi ${fixed(nmi, 2)})`);
  }
  if (Number.isFinite(focus)) told.push(`CLS focus ${fixed(focus, 2)}`);
  return nameList(told);
}

const hasOthers = ({ prefix }: TokenInfo): boolean => prefix.some((name) => name !== 'cls');
const cornerCount = ({ rows, cols }: TokenInfo): number => Math.min(rows, 2) * Math.min(cols, 2);
const borderCount = ({ rows, cols }: TokenInfo): number => rows * cols - Math.max(rows - 2, 0) * Math.max(cols - 2, 0);

function isCorner({ prefix, rows, cols }: TokenInfo, token: number): boolean {
  const [row, col] = [Math.floor((token - prefix.length) / cols), (token - prefix.length) % cols];
  return token >= prefix.length && (row === 0 || row === rows - 1) && (col === 0 || col === cols - 1);
}
