// Why a head matters, over a chosen part of the images: every clause is computed from the page's arrays, in the words of
// text/why.py (tests/shared/sentences.json), which says it over all images. Where it attends: looks.ts.
import { fixed, nameList, reported, reportedShare } from '../ground/form';
import { unitOf } from '../ground/quantities';
import type { HeadStanding } from '../io/wire';
import type { Called } from '../patterns/names';
import type { Loss, RegionEffect } from '../stats/evidence';

const CARRIES = 0.5;
const REGION_NAMES: Record<string, string> = {
  cc: 'CLS attending to itself',
  'cp+pc': 'CLS and patches attending to each other',
  pp: 'patches attending to patches',
};
/** The modes whose effect is compared with the whole head's. */
export const REGION_MODES: readonly string[] = Object.keys(REGION_NAMES);

/** Which pattern a head shows over the images in scope. */
export interface PatternFacts {
  /** What its own matrices are called, one by one by the rules; null where none is in scope. */
  readonly own: Called | null;
  /** Sampled images in scope. */
  readonly n: number;
  readonly content: number;
}

/** `L2·H0 is the most important head by jsd`; the page prints the measure's words, the report its name. */
export function claim(name: string, { metric, rank, top, clear, flat }: HeadStanding, words = metric): string {
  if (flat) return `No head comes first by ${words}: it is the same whichever is pruned`;
  const place = top ? (clear ? 'the most important head' : 'first, though not clearly,') : `number ${rank}`;
  return `${name} is ${place} by ${words}`;
}

/** `0.595 bits, n = 800; first in 82 % of the images, consistency 0.51`; the interval is told apart. */
export function standingWords({ metric, mean, n, leads, consistency }: HeadStanding): string {
  const steady =
    n > 1 && consistency !== null && Number.isFinite(consistency) ? `, consistency ${fixed(consistency, 2)}` : '';
  return `${reported(mean)} ${unitOf(metric)}, n = ${n}; first in ${reportedShare(leads)} of the images${steady}`;
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
  const told = several
    ? `its pattern is ${name}: ${nameList(mix)} of ${n} images`
    : `its pattern is ${name} in ${reportedShare(share)} of ${n} images`;
  return Number.isFinite(content) ? `${told}, content dependence ${fixed(content, 2)}` : told;
}

export function pruningClause({ metric, mean }: HeadStanding, lost: Loss): string {
  if (!Number.isFinite(lost.flip)) {
    const turned = `${reported(mean)} ${unitOf(metric)}`;
    return `pruning it moves ${metric} by ${turned} (there are no classes, so no answers to count)`;
  }
  const moves = `${lost.probDrop >= 0 ? 'lowers' : 'raises'} the target's probability by ${reported(Math.abs(lost.probDrop))}`;
  const told = `pruning it ${moves}, changes ${reportedShare(lost.flip)} of ${lost.n} predictions`;
  if (!lost.labelled) return told;
  const [low, high] = [fixed(lost.accuracyLow, 3), fixed(lost.accuracyHigh, 3)];
  const after = low === high ? low : `between ${low} and ${high}`;
  return `${told} and takes accuracy from ${fixed(lost.accuracy, 3)} to ${after} (${lost.labelled} labelled images)`;
}

/** A clause cut at its numbers with units and its shares, which are printed bold. */
export function emphasised(clause: string): { readonly text: string; readonly bold: boolean }[] {
  return clause
    .split(/((?:< )?\d[\d.]*(?: %| px)|\b\d[\d.]* times|\b0\.\d+(?:e-\d+)?)/)
    .map((text, i) => ({ text, bold: i % 2 === 1 }))
    .filter(({ text }) => text !== '');
}
