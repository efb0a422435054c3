// The sample of attention matrices behind the patterns: which image and which head a matrix is of, and what is counted
// over the images in scope. Matrix = place of its image in the sample x all heads + flat head, layer by layer.
import type { HeadRef } from '../ground/head_ref';

/** Cluster of a matrix that belongs to none. */
export const NO_CLUSTER = 255;

export interface Sample {
  /** Row numbers of the sampled images, ascending. */
  readonly images: Int32Array;
  /** Place of each image of the run in the sample; -1 = not sampled. */
  readonly placeOf: Int32Array;
  /** The heads in flat order, and the place of the first of each layer. */
  readonly heads: readonly HeadRef[];
  readonly first: readonly number[];
}

export function sampleOf(images: ArrayLike<number>, nImages: number, nHeads: readonly number[]): Sample {
  const placeOf = new Int32Array(nImages).fill(-1);
  for (let place = 0; place < images.length; place++) placeOf[images[place]!] = place;
  const first: number[] = [];
  const heads = nHeads.flatMap((many, layer) => {
    first.push((first[layer - 1] ?? 0) + (nHeads[layer - 1] ?? 0));
    return Array.from({ length: many }, (_, head) => ({ layer, head }));
  });
  return { images: Int32Array.from(images), placeOf, heads, first };
}

export const flatHead = ({ first }: Sample, { layer, head }: HeadRef): number => first[layer]! + head;
export const imageOf = ({ images, heads }: Sample, matrix: number): number =>
  images[Math.floor(matrix / heads.length)]!;
export const headOf = ({ heads }: Sample, matrix: number): HeadRef => heads[matrix % heads.length]!;

/** The matrix of a head on an image; null where the image is not sampled. */
export function matrixOf(sample: Sample, image: number | null, head: HeadRef): number | null {
  const place = image === null ? -1 : (sample.placeOf[image] ?? -1);
  return place < 0 ? null : place * sample.heads.length + flatHead(sample, head);
}

/** The cluster of a head's matrix on each image of the run; `NO_CLUSTER` where it is in none or not sampled. */
export function clustersOfHead(cluster: Uint8Array, sample: Sample, head: HeadRef): Uint8Array {
  const found = new Uint8Array(sample.placeOf.length).fill(NO_CLUSTER);
  const flat = flatHead(sample, head);
  sample.images.forEach((image, place) => (found[image] = cluster[place * sample.heads.length + flat]!));
  return found;
}

/** 1 for each sampled image in scope, by its place. */
export function sampledInScope({ images, placeOf }: Sample, rows: Int32Array): Uint8Array {
  const within = new Uint8Array(images.length);
  for (const row of rows) if (placeOf[row]! >= 0) within[placeOf[row]!] = 1;
  return within;
}

/** How often each head shows each pattern. */
export interface Mixes {
  /** [flat head, cluster]: matrices in scope; the last column counts those in no cluster. */
  readonly counts: Int32Array;
  /** Clusters and one. */
  readonly columns: number;
  /** Sampled images in scope. */
  readonly images: number;
}

/** Counts over the sampled images `within` the scope. */
export function mixesOf(cluster: Uint8Array, heads: number, clusters: number, within: Uint8Array): Mixes {
  const columns = clusters + 1;
  const counts = new Int32Array(heads * columns);
  let images = 0;
  for (let place = 0; place < within.length; place++) {
    if (!within[place]) continue;
    images++;
    for (let head = 0; head < heads; head++) {
      counts[head * columns + Math.min(clusters, cluster[place * heads + head]!)]!++;
    }
  }
  return { counts, columns, images };
}

/** Counts of one head by cluster, those in none last. */
export const countsOf = ({ counts, columns }: Mixes, flat: number): Int32Array =>
  counts.subarray(flat * columns, (flat + 1) * columns);

export const sum = (counts: ArrayLike<number>): number =>
  Array.prototype.reduce.call(counts, (a, b) => (a as number) + (b as number), 0) as number;

/** Shares of the counts, NaN where there are none. */
export function shares(counts: ArrayLike<number>): Float64Array {
  const all = sum(counts);
  return Float64Array.from(counts, (count) => count / (all || NaN));
}

/** Entropy of a mix, in bits: 0 = always the same pattern; NaN without matrices. */
export function entropyBits(counts: ArrayLike<number>): number {
  let bits = 0;
  for (const share of shares(counts)) {
    if (share !== share) return NaN;
    if (share > 0) bits -= share * Math.log2(share);
  }
  return bits;
}

/** The cluster with the largest count, the first of equal ones; null where all are 0. The last column is no cluster. */
export function leading(counts: ArrayLike<number>): number | null {
  let best: number | null = null;
  for (let i = 0; i < counts.length - 1; i++) if (counts[i]! > (best === null ? 0 : counts[best]!)) best = i;
  return best;
}

/** Matrices in scope that belong to a set, by flat head, as shares of the head's matrices in scope; NaN without any. */
export function sharesIn(inSet: Uint8Array, heads: number, within: Uint8Array): Float64Array {
  const found = new Float64Array(heads);
  let images = 0;
  for (let place = 0; place < within.length; place++) {
    if (!within[place]) continue;
    images++;
    for (let head = 0; head < heads; head++) found[head]! += inSet[place * heads + head]!;
  }
  return found.map((count) => count / (images || NaN));
}

/** [layer, cluster or none]: counts of the heads of a layer put together. */
export function byLayer({ counts, columns }: Mixes, { heads, first }: Sample): Int32Array {
  const found = new Int32Array(first.length * columns);
  for (let i = 0; i < counts.length; i++)
    found[heads[Math.floor(i / columns)]!.layer * columns + (i % columns)]! += counts[i]!;
  return found;
}

/** [class, cluster or none] over the sampled images in scope; `classOf` gives a class's place, -1 = in none. */
export function byClass(
  cluster: Uint8Array,
  sample: Sample,
  clusters: number,
  within: Uint8Array,
  classOf: (image: number) => number,
  classes: number,
): Int32Array {
  const columns = clusters + 1;
  const found = new Int32Array(classes * columns);
  const heads = sample.heads.length;
  for (let place = 0; place < within.length; place++) {
    const at = within[place] ? classOf(sample.images[place]!) : -1;
    if (at < 0) continue;
    for (let head = 0; head < heads; head++) {
      found[at * columns + Math.min(clusters, cluster[place * heads + head]!)]!++;
    }
  }
  return found;
}

/**
 * What pruning a head changes on the images where it shows each pattern: the mean over the matrices of each cluster in
 * scope, with how many there are. Values are [image, layer, head], `cells` an image, `width` a layer; NaN is left out.
 */
export function effectByCluster(
  cluster: Uint8Array,
  sample: Sample,
  clusters: number,
  within: Uint8Array,
  values: Float32Array,
  cells: number,
  width: number,
): { readonly mean: Float64Array; readonly n: Int32Array } {
  const [sums, n] = [new Float64Array(clusters), new Int32Array(clusters)];
  const cellOf = sample.heads.map(({ layer, head }) => layer * width + head);
  for (let place = 0; place < within.length; place++) {
    if (!within[place]) continue;
    const row = sample.images[place]! * cells;
    for (let head = 0; head < cellOf.length; head++) {
      const of = cluster[place * cellOf.length + head]!;
      const value = values[row + cellOf[head]!]!;
      if (of >= clusters || value !== value) continue;
      sums[of]! += value;
      n[of]!++;
    }
  }
  return { mean: sums.map((total, i) => total / (n[i] || NaN)), n };
}

/** The members of a cluster among the images in scope, those nearest its medoid first. */
export function membersByDistance(
  cluster: Uint8Array,
  distance: Float32Array,
  of: number,
  heads: number,
  within: Uint8Array,
): Int32Array {
  const members: number[] = [];
  for (let matrix = 0; matrix < cluster.length; matrix++)
    if (cluster[matrix] === of && within[Math.floor(matrix / heads)]) members.push(matrix);
  return Int32Array.from(members.sort((a, b) => distance[a]! - distance[b]! || a - b));
}
