// The same images at several input sizes: what the answers and the heads do, over the images in scope or on one image.
import type { RecordedSize, ResolutionInfo, SizedImage } from '../io/wire';
import { maximum } from './rows';
import { meanIntervals, UNIT } from '../stats/intervals';
import { UNKNOWN, wilson, type Estimate } from '../stats/proportion';

/** What is known at one size; distance without sinks in pixels and entropy in nats, of one head and over all heads. */
export interface AtSize {
  readonly name: string;
  readonly tokens: number;
  readonly interpolated: boolean;
  readonly diagonal: number;
  readonly accuracy: Estimate;
  readonly probability: Estimate;
  readonly distance: HeadAndAll;
  readonly entropy: HeadAndAll;
}
export interface HeadAndAll {
  readonly head: number;
  readonly all: number;
}

/** `224`, or `160x224` (rows x columns) where it is no square. */
export const sizeName = (size: { readonly height: number; readonly width: number }): string =>
  size.height === size.width ? String(size.height) : `${size.height}x${size.width}`;

/** Places in the comparison of the images that are in scope. */
export function comparedInScope(info: ResolutionInfo, inScope: Int32Array): Int32Array {
  const scope = new Set(inScope);
  return Int32Array.from(info.images.keys()).filter((place) => scope.has(info.images[place]!));
}

/** Columns of a comparison: [size, image] or [size, image, layer, head]. */
export interface Columns {
  readonly probability: Float32Array;
  readonly correct: Float32Array;
  readonly distance: Float32Array;
  readonly entropy: Float32Array;
}

/** The comparison over some of its images; `cells` = layers x heads, `head` = the focus head's place among them. */
export function overImages(
  info: ResolutionInfo,
  columns: Columns,
  places: Int32Array,
  cells: number,
  head: number,
): AtSize[] {
  const n = info.images.length;
  const chances = probabilities(info.sizes.length, columns.probability, n, places);
  return info.sizes.map((size, i) => {
    const right = Array.from(places, (place) => columns.correct[i * n + place]!).filter((value) => value === value);
    return {
      ...facts(size),
      accuracy: wilson(
        right.reduce((sum, value) => sum + value, 0),
        right.length,
      ),
      probability: chances[i]!,
      distance: means(columns.distance, i * n, places, cells, head),
      entropy: means(columns.entropy, i * n, places, cells, head),
    };
  });
}

/** One image at one size. */
export function ofImage(seen: SizedImage, layer: number, head: number): AtSize {
  const chance = seen.targetProbability ?? NaN;
  return {
    ...facts(seen),
    accuracy: UNKNOWN,
    probability: { value: chance, low: NaN, high: NaN },
    distance: { head: seen.distance[layer]?.[head] ?? NaN, all: meanKnown(seen.distance.flat()) },
    entropy: { head: seen.entropy[layer]?.[head] ?? NaN, all: meanKnown(seen.entropy.flat()) },
  };
}

/** Of a distance or an entropy: its share of the diagonal, or of the most it can be, ln of the number of tokens. */
export const shareOf = (what: 'distance' | 'entropy', size: AtSize, value: number): number =>
  value / (what === 'distance' ? size.diagonal : Math.log(size.tokens));

/** One head's map [row, col] out of [layer, head, patch]; null where the layer lacks the head. */
export function headMap(
  values: Float32Array,
  heads: number,
  layer: number,
  head: number,
  patches: number,
): Float32Array | null {
  const start = (layer * heads + head) * patches;
  const map = values.subarray(start, start + patches);
  return map.length === patches && map[0] === map[0] ? map : null;
}

/** Maps of different grids on one scale: weights as multiples of uniform attention, 1 / tokens. */
export const timesUniform = (map: Float32Array, tokens: number): Float32Array => map.map((weight) => weight * tokens);

/** Where the colours of maps that share a scale end; never below uniform. */
export const sharedTop = (maps: readonly (Float32Array | null)[]): number =>
  Math.max(1, ...maps.map((map) => (map ? maximum(map) : 0)));

/** Sizes as a user writes them, `96, 160x224`; null where one is no size or no multiple of the patch. */
export function parseSizes(text: string, patch: { readonly height: number; readonly width: number }): string[] | null {
  const words = text.split(/[,;\s]+/).filter(Boolean);
  const sizes: string[] = [];
  for (const word of words) {
    const match = /^(\d{1,4})(?:[x×](\d{1,4}))?$/.exec(word);
    if (!match) return null;
    const size = { height: Number(match[1]), width: Number(match[2] ?? match[1]) };
    if (!size.height || !size.width || size.height % patch.height || size.width % patch.width) return null;
    if (!sizes.includes(sizeName(size))) sizes.push(sizeName(size));
  }
  return sizes.length ? sizes.sort((a, b) => area(a) - area(b)) : null;
}

function area(name: string): number {
  const [height, width] = name.split('x').map(Number) as [number, number?];
  return height * (width ?? height);
}

function facts(size: RecordedSize | SizedImage): Pick<AtSize, 'name' | 'tokens' | 'interpolated' | 'diagonal'> {
  return { name: sizeName(size), tokens: size.tokens, interpolated: size.interpolated, diagonal: size.diagonal };
}

function probabilities(sizes: number, column: Float32Array, n: number, places: Int32Array): Estimate[] {
  const byImage = new Float32Array(n * sizes); // [image, size]: the bootstrap draws images, the same for all sizes
  for (let i = 0; i < sizes; i++)
    for (let place = 0; place < n; place++) byImage[place * sizes + i] = column[i * n + place]!;
  const known = places.filter((place) => Number.isFinite(byImage[place * sizes]!));
  if (known.length === 0) return Array.from({ length: sizes }, () => UNKNOWN);
  const intervals =
    known.length > 1
      ? meanIntervals(
          byImage,
          sizes,
          known,
          Array.from({ length: sizes }, (_, i) => i),
          UNIT,
        )
      : [];
  return Array.from({ length: sizes }, (_, i) => {
    const value = known.reduce((sum, place) => sum + byImage[place * sizes + i]!, 0) / known.length;
    return { value, low: intervals[i]?.[0] ?? NaN, high: intervals[i]?.[1] ?? NaN };
  });
}

function means(column: Float32Array, first: number, places: Int32Array, cells: number, head: number): HeadAndAll {
  let [own, ownN, sum, n] = [0, 0, 0, 0];
  for (const place of places) {
    const start = (first + place) * cells;
    for (let cell = 0; cell < cells; cell++) {
      const value = column[start + cell]!;
      if (value !== value) continue; // the layer lacks this head
      sum += value;
      n++;
      if (cell === head) {
        own += value;
        ownN++;
      }
    }
  }
  return { head: ownN ? own / ownN : NaN, all: n ? sum / n : NaN };
}

function meanKnown(values: readonly (number | null)[]): number {
  const known = values.filter((value): value is number => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : NaN;
}
