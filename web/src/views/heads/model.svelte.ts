// What the Heads perspective knows besides the session: which comparisons the run has, the tree of heads, its groups.
import type { Session } from '../../session/session.svelte';
import { headIndex, headName } from '../../ground/run';
import { groupName, groupsAt, placesOf, type Group } from '../../stats/head_groups';
import type { HeadRef } from '../../ground/head_ref';
import type { HeadComparison, HeadsInfo, HeadTree } from '../../io/wire';
import type { Failure } from '../../io/source';

/** The value of an option if the run has it, else the first that it has. */
export function available(all: readonly HeadComparison[] | undefined, wanted: string): HeadComparison | null {
  const here = all?.filter(({ reason }) => !reason);
  return here?.find(({ name }) => name === wanted) ?? here?.[0] ?? null;
}

export class HeadsModel {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  readonly #asked = $derived.by(() => this.#session.data.get('heads', {}));
  readonly info: HeadsInfo | null = $derived(this.#asked.value);
  readonly failure: Failure | null = $derived(this.info ? null : this.#asked.failure);

  /** Every head that exists, layer by layer: flat heads are places in it. */
  readonly refs: readonly HeadRef[] = $derived.by(() =>
    this.#session.run.model.nHeads.flatMap((heads, layer) =>
      Array.from({ length: heads }, (_, head) => ({ layer, head })),
    ),
  );
  readonly #flat = $derived.by(
    () => new Map(this.refs.map((head, flat) => [headIndex(this.#session.run, head), flat])),
  );
  /** Head place (layer x width + head) of a flat head; -1 where there is none. */
  indexOf = (flat: number): number => (this.refs[flat] ? headIndex(this.#session.run, this.refs[flat]) : -1);
  flatOf = (head: HeadRef): number => this.#flat.get(headIndex(this.#session.run, head)) ?? -1;

  readonly diversity: HeadComparison | null = $derived.by(() =>
    available(this.info?.diversity, this.#session.options.diversity),
  );
  readonly way: HeadComparison | null = $derived.by(() =>
    available(this.info?.similarity, this.#session.options.similarity),
  );

  readonly #askedSimilarity = $derived.by(() =>
    this.way ? this.#session.data.get('similarity', { by: this.way.name }) : null,
  );
  readonly #askedTree = $derived.by(() => (this.way ? this.#session.data.get('tree', { by: this.way.name }) : null));
  /** Similarity of any two flat heads. */
  readonly similarity: Float32Array | null = $derived(this.#askedSimilarity?.value ?? null);
  readonly tree: HeadTree | null = $derived(this.#askedTree?.value ?? null);
  readonly compareFailure: Failure | null = $derived.by(() => {
    if (!this.similarity && this.#askedSimilarity?.failure) return this.#askedSimilarity.failure;
    return this.tree ? null : (this.#askedTree?.failure ?? null);
  });
  readonly place: Int32Array | null = $derived(this.tree && placesOf(this.tree.order));

  readonly groups: readonly Group[] = $derived.by(() => {
    const { tree, similarity } = this;
    return tree && similarity ? groupsAt(tree.merges, tree.order, similarity, this.#session.options.groupFrom) : [];
  });
  /** The group that is looked at: the one that is the head set, else the one of the focus head, else the largest. */
  readonly shown: number | null = $derived.by(() => {
    if (!this.groups.length) return null;
    const set = this.#session.state.heads?.map(this.flatOf) ?? [];
    const same = this.groups.findIndex(
      ({ heads }) => heads.length === set.length && heads.every((head) => set.includes(head)),
    );
    if (same >= 0) return same;
    const own = this.groups.findIndex(({ heads }) => heads.includes(this.flatOf(this.#session.head)));
    return Math.max(0, own);
  });

  /** The members of a group, the most important first (those without a value last). */
  ranked = (group: Group): HeadRef[] => {
    const { fill, run } = this.#session;
    const value = (flat: number): number => fill?.[headIndex(run, this.refs[flat]!)] ?? NaN;
    const known = (flat: number): number => (Number.isFinite(value(flat)) ? value(flat) : -Infinity);
    return [...group.heads].sort((a, b) => known(b) - known(a) || a - b).map((flat) => this.refs[flat]!);
  };

  choose = (at: number): void => {
    const group = this.groups[at];
    if (group) this.#session.send({ kind: 'heads', heads: this.ranked(group) });
  };

  /** `group A: 7 heads`, its members, its similarity. */
  describe = (at: number): string[] => {
    const group = this.groups[at]!;
    return [
      `group ${groupName(at)}: ${group.heads.length} heads, mean similarity ${group.similarity.toFixed(3)}`,
      group.heads.map((flat) => headName(this.refs[flat]!)).join(', '),
    ];
  };

  groupOf = (flat: number): number => this.groups.findIndex(({ heads }) => heads.includes(flat));
}
