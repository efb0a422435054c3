// Why a head matters, as report/why.py says it, over the images in scope: every clause is computed from the page's
// arrays. Where all images are in scope the clauses are those of `vitscope show`, word for word.
import type { TokenInfo } from '../io/wire';
import { fixed, nameList, reported, reportedShare } from './form';
import type { Called } from './pattern_names';
import { uniformReach } from './strength';
import { tokenCount } from './tokens';

const SINK_SHARE = 0.25;
const SINK_TIMES = 4;
const [SHARED_MAP, OWN_MAP] = [0.1, 0.4];
const CARRIES = 0.5;
const [SHARP, FLAT] = [0.5, 0.9];
/** Smaller shares do not say where a head looks. */
const WORTH_TELLING = 0.05;

const REGION_NAMES: Record<string, string> = {
  cc: 'CLS looking at itself',
  'cp+pc': 'CLS and patches looking at each other',
  pp: 'patches looking at patches',
};
/** The modes whose effect is compared with the whole head's. */
export const REGION_MODES: readonly string[] = Object.keys(REGION_NAMES);

const UNITS: Record<string, string> = {
  prob_drop: 'probability',
  logit_drop: 'logits',
  jsd: 'bits',
  flip: '0 or 1',
  out_cos: 'cosine distance',
  cls_cos: 'cosine distance',
  patch_cos: 'cosine distance',
};

/** Where one head looks: means over the images in scope; NaN = not defined for the layout, or not here yet. */
export interface Gaze {
  readonly tokens: TokenInfo;
  readonly diagonal: number;
  /** By hop: share of the patches' attention. */
  readonly mass: ArrayLike<number>;
  readonly toCls: number;
  readonly toOther: number;
  readonly clsToCls: number;
  readonly clsToPatches: number;
  readonly distance: number;
  readonly entropy: number;
  readonly nmi: number;
  readonly focus: number;
  /** Largest column sum of the attention matrix over the median one; median over images. */
  readonly concentration: number;
}

/** The key token that gets most attention, mean over queries and all images of the run. */
export interface Key {
  readonly token: number;
  readonly share: number;
}

/** What pruning the head does to the answers; NaN without a classifier, accuracies NaN without labels. */
export interface Loss {
  readonly n: number;
  readonly probDrop: number;
  readonly flip: number;
  readonly labelled: number;
  readonly accuracy: number;
  /** Bounds after pruning: a run stores that an answer changed, not what to. */
  readonly accuracyLow: number;
  readonly accuracyHigh: number;
}

/** Which pattern a head shows over the images in scope. */
export interface PatternFacts {
  /** What its own matrices are called, one by one by the rules; null where none is in scope. */
  readonly own: Called | null;
  /** Sampled images in scope. */
  readonly n: number;
  readonly content: number;
}

/** What pruning one region does, beside pruning the whole head on the same images. */
export interface RegionEffect {
  readonly mode: string;
  readonly mean: number;
  readonly whole: number;
  readonly n: number;
}

/** How a head stands among all heads by a metric. */
export interface Standing {
  readonly metric: string;
  readonly rank: number;
  /** The first by index among those with the largest mean. */
  readonly top: boolean;
  /** Whether the images leave no doubt that the first is the first. */
  readonly clear: boolean;
  readonly mean: number;
  readonly n: number;
  readonly leads: number;
  readonly consistency: number;
}

/** `L2·H0 is the most important head by jsd`; the page prints the measure's words, the report its name. */
export function claim(name: string, { metric, rank, top, clear }: Standing, words = metric): string {
  const place = top ? (clear ? 'the most important head' : 'first, though not clearly,') : `number ${rank}`;
  return `${name} is ${place} by ${words}`;
}

/** `0.595 bits, n = 800; first in 82 % of the images, consistency 0.51`; the interval is told apart. */
export function standingWords({ metric, mean, n, leads, consistency }: Standing): string {
  const steady = n > 1 && Number.isFinite(consistency) ? `, consistency ${fixed(consistency, 2)}` : '';
  return `${reported(mean)} ${UNITS[metric] ?? ''}, n = ${n}; first in ${reportedShare(leads)} of the images${steady}`;
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
  return told.length ? `its patches give ${nameList(told.map(([share, where]) => `${reportedShare(share)} to ${where}`))}` : '';
}

export function clsClause({ clsToPatches, clsToCls }: Gaze): string {
  if (!Number.isFinite(clsToPatches)) return '';
  return `its CLS gives ${reportedShare(clsToPatches)} to patches and ${reportedShare(clsToCls)} to itself`;
}

/** Whether one key token draws all: the mean matrix is one over all images, which the words say where fewer are in scope. */
export function keyClause({ tokens, concentration }: Gaze, key: Key | null, everything: boolean): string {
  const within = `in the median image the most attended token gets ${reported(concentration)} times the median one`;
  if (!key) return Number.isFinite(concentration) ? within : '';
  const times = key.share * tokenCount(tokens);
  // ≈ and two digits: the page's mean matrices are coded in 8 bits
  const share = `≈ ${reportedShare(key.share)} of all attention, ${+times.toPrecision(2)} times uniform`;
  const name = keyName(tokens, key.token);
  if (key.share >= SINK_SHARE && times >= SINK_TIMES) return `one key token, ${name}, is a sink ${everything ? '' : 'over all images '}(${share})`;
  const told = `no key token is a sink over ${everything ? 'the' : 'all'} images (most: ${name}, ${share}`;
  return Number.isFinite(concentration) ? `${told}; ${within})` : `${told})`;
}

function keyName(tokens: TokenInfo, token: number): string {
  const patch = token - tokens.prefix.length;
  if (patch >= 0) return `patch ${Math.floor(patch / tokens.cols)},${patch % tokens.cols}`;
  return token === tokens.cls ? 'CLS' : tokens.prefix[token]!;
}

export function distanceClause({ tokens, mass, distance, diagonal }: Gaze): string {
  if (!Number.isFinite(distance)) return '';
  const near = mass[0]! + (mass[1] ?? 0);
  const uniform = uniformReach(tokens);
  const share = reportedShare(distance / diagonal);
  return (
    `mean distance ${reported(distance)} px (${share} of the diagonal; uniform attention ${reported(uniform.distance)} px) ` +
    `with ${reportedShare(near)} within 1 hop, ${fixed(near / uniform.near, 1)} times uniform`
  );
}

export function shapeClause({ tokens, entropy, nmi, focus }: Gaze): string {
  const told: string[] = [];
  const most = Math.log(tokenCount(tokens));
  if (Number.isFinite(entropy)) {
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

/** The region that carries most of the effect, by pruning it alone; nothing where no part was pruned. */
export function throughClause(regions: readonly RegionEffect[]): string {
  const parts = regions.filter(({ mode, whole }) => mode in REGION_NAMES && whole > 0);
  if (!parts.length) return '';
  const main = parts.reduce((best, part) => (part.mean / part.whole > best.mean / best.whole ? part : best));
  const share = main.mean / main.whole;
  const told = `${REGION_NAMES[main.mode]} (${main.mode}): pruning that alone has ${reportedShare(share)} of the effect, n = ${main.n}`;
  return share >= CARRIES ? `it acts through ${told}` : `no region carries it alone, most does ${told}`;
}

/** Names that are told of a head whose matrices are mixed. */
const NAMES = 3;

/** The pattern it shows most and whether the image decides; nothing where none is in scope. */
export function patternClause({ own, n, content }: PatternFacts): string {
  if (own === null) return '';
  const { name, share, shares } = own;
  const several = name === 'mixed' || !shares.some(([other]) => other === name);
  const mix = shares.slice(0, NAMES).map(([other, part]) => `${other} in ${reportedShare(part)}`);
  const told = several ? `its pattern is ${name}: ${nameList(mix)} of ${n} images` : `its pattern is ${name} in ${reportedShare(share)} of ${n} images`;
  return Number.isFinite(content) ? `${told}, content dependence ${fixed(content, 2)}` : told;
}

export function pruningClause({ metric, mean }: Standing, lost: Loss): string {
  if (!Number.isFinite(lost.flip)) {
    const turned = `${reported(mean)} ${UNITS[metric] ?? ''}`;
    return `pruning it moves ${metric} by ${turned} (the model has no classifier, so no answers to count)`;
  }
  const moves = `${lost.probDrop >= 0 ? 'lowers' : 'raises'} the target's probability by ${reported(Math.abs(lost.probDrop))}`;
  const told = `pruning it ${moves}, changes ${reportedShare(lost.flip)} of ${lost.n} predictions`;
  if (!lost.labelled) return told;
  const [low, high] = [fixed(lost.accuracyLow, 3), fixed(lost.accuracyHigh, 3)];
  const after = low === high ? low : `between ${low} and ${high}`;
  return `${told} and takes accuracy from ${fixed(lost.accuracy, 3)} to ${after} (${lost.labelled} labelled images)`;
}

const hasOthers = ({ prefix }: TokenInfo): boolean => prefix.some((name) => name !== 'cls');

/** A clause cut at its numbers with units and its shares, which are printed bold. */
export function emphasised(clause: string): { readonly text: string; readonly bold: boolean }[] {
  return clause
    .split(/((?:< )?\d[\d.]*(?: %| px)|\b\d[\d.]* times|\b0\.\d+(?:e-\d+)?)/)
    .map((text, i) => ({ text, bold: i % 2 === 1 }))
    .filter(({ text }) => text !== '');
}
