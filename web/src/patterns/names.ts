// What many matrices are called together, each named by rule; as `called` of src/vitscope/analysis/patterns/by_head.py.
const MIXED = 'mixed';
/** What at least this share of matrices are called, all of them are. */
const MOST = 0.5;

export type Families = Readonly<Record<string, readonly string[]>>;

export interface Called {
  readonly name: string;
  /** Of the matrices called so; of mixed ones what the largest name leaves. */
  readonly share: number;
  /** Names and their shares, commonest first. */
  readonly shares: readonly (readonly [string, number])[];
}

/** The name that at least half have, else the family of at least half, else mixed; null where there are no matrices. */
export function called(counts: ReadonlyMap<string, number>, families: Families): Called | null {
  const n = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (!n) return null;
  const shares = [...counts].map(([name, count]) => [name, count / n] as const).sort((a, b) => b[1] - a[1]);
  const above = Object.entries(families).map(
    ([family, names]) => [family, sum(shares.filter(([name]) => names.includes(name)))] as const,
  );
  for (const found of [shares, above]) {
    const largest = [...found].filter(([name]) => name !== MIXED).sort((a, b) => b[1] - a[1])[0];
    if (largest && largest[1] >= MOST) return { name: largest[0], share: largest[1], shares };
  }
  return { name: MIXED, share: 1 - (shares.find(([name]) => name !== MIXED)?.[1] ?? 0), shares };
}

const sum = (shares: readonly (readonly [string, number])[]): number =>
  shares.reduce((all, [, share]) => all + share, 0);
