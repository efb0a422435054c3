// What the page says of a head is what `vitscope show` says, word for word (tests/shared/sentences.json).
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { TokenInfo } from '../src/io/wire';
import * as looks from '../src/words/looks';
import { patternClause, throughClause } from '../src/words/why';

type Facts = Record<string, number | null> & {
  readonly mass: number[];
  readonly missing: string;
  readonly sinks: looks.Key[];
  readonly regions: { mode: string; mean: number; whole: number; n: number }[];
  readonly pattern: {
    name: string;
    share: number;
    shares: [string, number][];
    n: number;
    content: number | null;
  } | null;
};
interface Case {
  readonly tokens: TokenInfo;
  readonly facts: Facts;
  readonly clauses: Record<string, string>;
}
const shared = JSON.parse(
  readFileSync(new URL('../../tests/shared/sentences.json', import.meta.url), 'utf8'),
) as Case[];

const diagonal = ({ rows, cols, patch }: TokenInfo): number => Math.hypot(rows * patch.height, cols * patch.width);

function said({ tokens, facts }: Case): Record<string, string> {
  const known = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, value ?? NaN]));
  const seen = { ...known, tokens, diagonal: diagonal(tokens) } as unknown as looks.Gaze;
  const { pattern } = facts;
  return {
    patches: looks.patchesClause(seen),
    direction: looks.directionClause(seen),
    cls: looks.clsClause(seen),
    keys: looks.keysClause(seen, facts.sinks).replace(' over all images', ''), // which the page says of a part
    distance: looks.distanceClause(seen),
    shape: looks.shapeClause(seen),
    through: throughClause(facts.regions),
    pattern: pattern ? patternClause({ own: pattern, n: pattern.n, content: pattern.content ?? NaN }) : '',
  };
}

it.each(shared.map((of, number) => ({ of, number })))('says what the report says, case $number', ({ of }) =>
  expect(said(of)).toEqual(of.clauses),
);
