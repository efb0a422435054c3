// What the page knows of the patterns of attention: the sample and its clusters as they arrive, and everything counted
// from them over the images in scope. Loaded after the first paint; views find it at `session.patterns`.
import { DotGrid } from '../plot/marks/dot_grid';
import { headIndex, headName } from '../ground/run';
import { chosenClusters, matricesIn, type PatternSet } from '../selection/pattern_set';
import {
  countsOf,
  flatHead,
  headOf,
  imageOf,
  matrixOf,
  membersByDistance,
  mixesOf,
  sampledInScope,
  sampleOf,
  sharesIn,
  sum,
  type Mixes,
  type Sample,
} from '../patterns/sample';
import { Memo } from '../ground/memo';
import { called, type Called } from '../patterns/names';
import { labelled } from '../patterns/tables';
import { boxed } from '../selection/positions';
import { PATTERN_COLUMNS } from '../ground/quantities';
import { isEverything } from '../selection/scope';
import type { HeadRef } from '../ground/head_ref';
import type { Options } from '../selection/options';
import type { Intent, State } from '../selection/state';
import { count, percent } from '../ground/numbers';
import type { PatternFacts } from '../words/why';
import { tip } from './page/tip.svelte';
import type { PatternPoints } from '../io/answers';
import type { Failure } from '../io/failure';
import type { PatternCluster, PatternsInfo, RunInfo } from '../io/wire';
import type { Data } from './data.svelte';
import type { Hover } from './hover';
import type { InForce } from './in_force';
import type { OverScope } from './compute/over_scope.svelte';

/** Rows and columns of a matrix at the common size. */
export const SIDE = 66;

interface Shown {
  readonly k: number;
  readonly info: PatternsInfo | null;
  readonly points: PatternPoints | null;
}

/** What patterns need of their session. */
export interface Around {
  readonly run: RunInfo;
  readonly data: Data;
  readonly state: State;
  readonly options: Options;
  /** What the numbers on the page are of. */
  readonly shown: InForce;
  readonly cells: number;
  readonly width: number;
  readonly overScope: OverScope;
  hover: Hover | null;
  readonly send: (intent: Intent) => void;
}

/** In `k` clusters; 0 = in those that the run chose. */
const inClusters = (k: number): { k?: number } => (k ? { k } : {});

export class PatternModel {
  readonly #session: Around;

  constructor(session: Around) {
    this.#session = session;
  }

  /** Into how many clusters the matrices shall fall; 0 = as the run chose. */
  readonly #wanted = $derived.by(() => this.#session.options.clusters);
  readonly #asked = $derived.by(() => this.#session.data.get('patterns', inClusters(this.#wanted)));
  readonly #askedPoints = $derived.by(() => this.#session.data.get('pattern_points', inClusters(this.#wanted)));
  /** Clusters and matrices together: those of before until both are here. */
  #before: Shown = { k: 0, info: null, points: null };
  readonly #shown: Shown = $derived.by(() => {
    const now = { k: this.#wanted, info: this.#asked.value, points: this.#askedPoints.value };
    return now.info && now.points ? (this.#before = now) : this.#before.points ? this.#before : now;
  });
  readonly info: PatternsInfo | null = $derived(this.#shown.info);
  readonly points: PatternPoints | null = $derived(this.#shown.points);
  readonly failure: Failure | null = $derived(
    (this.#asked.value ? null : this.#asked.failure) ?? (this.#askedPoints.value ? null : this.#askedPoints.failure),
  );
  /** Another number of clusters is being made. */
  readonly pending: boolean = $derived(this.#shown.k !== this.#wanted);
  readonly clusters: readonly PatternCluster[] = $derived(this.info?.clusters ?? []);
  readonly #nClusters = $derived(this.clusters.length);
  readonly #images = $derived(this.info?.images ?? null);

  readonly sample: Sample | null = $derived.by(() => {
    const { nImages, model } = this.#session.run;
    return this.#images && sampleOf(this.#images, nImages, model.nHeads);
  });
  /** Positions [matrix, 2] in parts of the map's box, y upwards. */
  readonly positions: Float32Array | null = $derived(this.points && boxed(this.points.x, this.points.y));
  readonly grid: DotGrid | null = $derived(this.positions && new DotGrid(this.positions));
  readonly #rows = $derived.by(() => this.#session.shown.rows); // by itself: another measure changes nothing here
  /** 1 for each sampled image in scope. */
  readonly within: Uint8Array | null = $derived.by(() => this.sample && sampledInScope(this.sample, this.#rows));
  readonly mixes: Mixes | null = $derived(
    this.points &&
      this.sample &&
      this.within &&
      mixesOf(this.points.cluster, this.sample.heads.length, this.#nClusters, this.within),
  );
  /** Matrices in scope by cluster, those in none last. */
  readonly totals: Int32Array | null = $derived(this.mixes && totalsOf(this.mixes));

  readonly set = $derived.by(() => this.#session.state.patterns);
  readonly chosen: readonly number[] = $derived(chosenClusters(this.set));
  readonly inSet: Uint8Array | null = $derived(
    this.set && this.points && this.positions ? matricesIn(this.set, this.points.cluster, this.positions) : null,
  );
  /** Share of each head's matrices in scope that belong to the set, by head place; null while there is no set. */
  readonly setShares: Float64Array | null = $derived.by(() => {
    const { inSet, sample, within } = this;
    if (!inSet || !sample || !within) return null;
    const found = new Float64Array(this.#session.cells).fill(NaN);
    sharesIn(inSet, sample.heads.length, within).forEach(
      (share, flat) => (found[headIndex(this.#session.run, sample.heads[flat]!)] = share),
    );
    return found;
  });
  readonly setWords: string = $derived.by(() => {
    if (!this.set) return '';
    if (this.set.kind === 'lasso') return 'inside the outline';
    return this.chosen.map((cluster) => `“${this.nameOf(cluster)}”`).join(', ');
  });

  /** Content dependence over the images in scope, by head place; NaN while it is on its way. */
  readonly content: Float64Array = $derived.by(() => {
    const { run, cells, width, overScope, data, shown } = this.#session;
    const found = new Float64Array(cells).fill(NaN);
    if (isEverything(shown.scope)) {
      this.info?.content.forEach((layer, at) =>
        layer.forEach((value, head) => (found[at * width + head] = value ?? NaN)),
      );
      return found;
    }
    const [deviation, energy] = PATTERN_COLUMNS.map((what) => {
      const values = data.get('pattern_column', { column: what }).value;
      return values && overScope.read('means', `patterns/${what}`, values, run.model.nLayers * width, this.#rows);
    });
    return deviation && energy ? found.map((_, i) => deviation[i]! / energy[i]!) : found;
  });

  /** Matrices in scope that a set would hold. */
  countIn(set: PatternSet): number {
    const { points, positions, sample, within } = this;
    if (!points || !positions || !sample || !within) return 0;
    const inSet = matricesIn(set, points.cluster, positions);
    return inSet.reduce((all, one, matrix) => all + (one && within[Math.floor(matrix / sample.heads.length)]!), 0);
  }

  /** A cluster alone becomes the set; chosen again it is none. */
  choose = (cluster: number): void => {
    const again = this.chosen.length === 1 && this.chosen[0] === cluster;
    this.#session.send({ kind: 'patterns', set: again ? null : { kind: 'clusters', clusters: [cluster] } });
  };

  /** Tell of a cluster beside an element, and everywhere; of none. */
  point = (cluster: number | null, target?: Element, lines?: number): void => {
    this.#session.hover = cluster === null ? null : { kind: 'cluster', cluster };
    if (cluster !== null && target) tip.show(this.describeCluster(cluster).slice(0, lines), target);
    else tip.hide();
  };

  /** `content blob`, how many, how sure, and the rule. */
  describeCluster(cluster: number): string[] {
    const of = this.clusters[cluster];
    if (!of || !this.info) return [];
    const here = this.totals?.[cluster];
    const inScope = here === undefined || here === of.size ? '' : ` · ${count(here)} in scope`;
    return [
      of.name === of.autoName ? this.nameOf(cluster) : `${this.nameOf(cluster)} (by rule: ${of.autoName})`,
      `${count(of.size)} matrices, ${percent(of.size / this.info.nMatrices)} of the sample${inScope}`,
      `${percent(of.confidence)} of them fulfil the rule: ${of.rule}`,
    ];
  }

  readonly #memo = new Memo();

  /** Members of a cluster among the images in scope, those nearest its medoid first. */
  membersOf(cluster: number): Int32Array {
    const { points, sample, within } = this;
    if (!points || !sample || !within) return new Int32Array(0);
    const make = () => membersByDistance(points.cluster, points.distance, cluster, sample.heads.length, within);
    return this.#memo.get(String(cluster), [points, within], make);
  }

  readonly #labels = $derived(labelled(this.clusters.map(({ name }) => name)));
  nameOf = (cluster: number): string => this.#labels[cluster] ?? 'no pattern';

  /** Medoid, or prototype, of a cluster; null while it is on its way. */
  glyph(cluster: number, kind: 'medoid' | 'prototype' = 'medoid'): Float32Array | null {
    return this.#glyphs[(kind === 'medoid' ? 0 : this.#nClusters) + cluster] ?? null;
  }
  // The very same arrays as long as they are the same numbers: whoever draws one draws it once.
  readonly #askedGlyphs = $derived.by(() => this.#session.data.get('pattern_glyphs', inClusters(this.#shown.k)).value);
  readonly #glyphs = $derived.by(() => {
    const found = this.#askedGlyphs;
    const size = SIDE * SIDE;
    return found
      ? Array.from({ length: found.length / size }, (_, at) => found.subarray(at * size, (at + 1) * size))
      : [];
  });

  /** What a head's tooltip says: the share of its matrices in the set; nothing while none is chosen. */
  tellOf(head: HeadRef): string {
    const share = this.setShares?.[headIndex(this.#session.run, head)] ?? NaN;
    return share === share
      ? `${percent(share)} of its matrices: ${this.setWords} · n = ${count(this.mixes?.images ?? 0)} images`
      : '';
  }

  /** Whether a head's matrix on an image is in the set. */
  holds(image: number | null, head: HeadRef): boolean {
    const matrix = this.inSet && this.matrixAt(image, head);
    return matrix !== null && this.inSet![matrix] === 1;
  }

  /** The matrix of a head on an image; null where it is not in the sample. */
  matrixAt = (image: number | null, head: HeadRef): number | null => this.sample && matrixOf(this.sample, image, head);

  /** Counts of a head's matrices in scope by cluster, those in none last. */
  countsOf = (head: HeadRef): Int32Array | null =>
    this.mixes && this.sample && countsOf(this.mixes, flatHead(this.sample, head));

  /** `L9·H3 on #1234`, and what the matrix shows. */
  describe(matrix: number): string[] {
    const { sample, points, info } = this;
    if (!sample || !points || !info) return [];
    const cluster = points.cluster[matrix]!;
    const of = info.clusters[cluster];
    const known = of
      ? `“${this.nameOf(cluster)}” (${count(of.size)} matrices, ${percent(of.size / info.nMatrices)})`
      : 'in no cluster';
    const own = info.patterns[points.pattern[matrix]!];
    const alone = own && own !== of?.autoName ? ` · by itself: ${own}` : '';
    const distance = points.distance[matrix]!;
    const away = distance === distance ? `distance to its medoid ${distance.toFixed(2)}` : '';
    return [`${headName(headOf(sample, matrix))} on #${imageOf(sample, matrix)}`, known + alone, away].filter(Boolean);
  }

  /** What the pattern clause of *Why* says of a head over a part of the images; null while it is on its way. */
  factsOf(head: HeadRef, rows: Int32Array): PatternFacts | null {
    const { sample, points, info } = this;
    if (!sample || !points || !info) return null;
    const own = this.#namesOf(head, rows);
    return {
      own: called(own, info.families),
      n: sum([...own.values()]),
      content: this.#contentOf(head, rows),
    };
  }

  /** What a head's own matrices are called over the images in scope; null where none is. */
  ownOf = (head: HeadRef): Called | null =>
    this.info ? called(this.#namesOf(head, this.#rows), this.info.families) : null;

  /** What a head's matrices in a cluster are called: the cluster's name would be that of its members, of other heads too. */
  ownIn(head: HeadRef, cluster: number): string {
    const own = this.info && called(this.#namesOf(head, this.#rows, cluster), this.info.families);
    const of = this.clusters[cluster];
    return own && of && own.name !== of.autoName ? own.name : this.nameOf(cluster);
  }

  /** How many of a head's matrices on some images, in one cluster or any, have each name. */
  #namesOf(head: HeadRef, rows: Int32Array, cluster?: number): Map<string, number> {
    const { sample, points, info } = this;
    const found = new Map<string, number>();
    if (!sample || !points || !info) return found;
    const flat = flatHead(sample, head);
    for (const row of rows) {
      const place = sample.placeOf[row]!;
      if (place < 0) continue;
      const matrix = place * sample.heads.length + flat;
      if (cluster !== undefined && points.cluster[matrix] !== cluster) continue;
      const name = info.patterns[points.pattern[matrix]!]!;
      found.set(name, (found.get(name) ?? 0) + 1);
    }
    return found;
  }

  #contentOf(head: HeadRef, rows: Int32Array): number {
    const { data, cells, run } = this.#session;
    const [deviation, energy] = PATTERN_COLUMNS.map((what) => data.get('pattern_column', { column: what }).value);
    if (!deviation || !energy) return NaN;
    let [above, below] = [0, 0];
    for (const row of rows) {
      const at = row * cells + headIndex(run, head);
      if (!Number.isFinite(deviation[at]!) || !Number.isFinite(energy[at]!)) continue;
      above += deviation[at]!;
      below += energy[at]!;
    }
    return above / below;
  }
}

function totalsOf({ counts, columns }: Mixes): Int32Array {
  const totals = new Int32Array(columns);
  for (let i = 0; i < counts.length; i++) totals[i % columns]! += counts[i]!;
  return totals;
}
