// Statistics over images, head by head. Values are rows of `width` heads, image after image; NaN = not computed.

export interface Summary {
  readonly n: Int32Array;
  readonly mean: Float64Array;
  readonly median: Float64Array;
  readonly q1: Float64Array;
  readonly q3: Float64Array;
  /** 1 - IQR / (IQR + |median|): 1 = the same for every image. NaN at 0/0, and for one image. */
  readonly consistency: Float64Array;
}

const summaryHeld = new WeakMap<Float32Array, Summary>();

/** Mean, quartiles, n and consistency of each head over the images in `rows`; heads without a value get NaN. */
export function summarise(values: Float32Array, width: number, rows: Int32Array): Summary {
  if (rows.length < values.length / width) return summaryOf(values, width, rows);
  let held = summaryHeld.get(values);
  if (!held) summaryHeld.set(values, (held = summaryOf(values, width, rows)));
  return held;
}

function summaryOf(values: Float32Array, width: number, rows: Int32Array): Summary {
  const column = (): Float64Array => new Float64Array(width).fill(NaN);
  const [mean, median, q1, q3, consistency] = [column(), column(), column(), column(), column()];
  const n = new Int32Array(width);
  const images = values.length / width;
  const take =
    rows.length < images && rows.length * SORTING_PAYS > images
      ? inOrder(values, width, rows)
      : unsorted(values, width, rows);
  for (let head = 0; head < width; head++) {
    const sample = take(head);
    const count = (n[head] = sample.values.length);
    if (count === 0) continue;
    const [low, middle, high] = sample.sorted
      ? QUARTILES.map((share) => quantile(sample.values, share))
      : quartiles(sample.values);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += sample.values[i]!;
    mean[head] = sum / count;
    median[head] = middle!;
    q1[head] = low!;
    q3[head] = high!;
    if (count > 1) consistency[head] = 1 - (high! - low!) / (high! - low! + Math.abs(middle!));
  }
  return { n, mean, median, q1, q3, consistency };
}

const QUARTILES = [0.25, 0.5, 0.75];
/** So many times more images than are asked about are sooner gone through in order than those are put in order. All of
 *  them are asked about once, before any others: that does not wait for the order. */
const SORTING_PAYS = 12;

interface Sample {
  readonly values: Float32Array;
  readonly sorted: boolean;
}

/** The values of a head over some images, NaN left out; good until the next head is asked for. */
function unsorted(values: Float32Array, width: number, rows: Int32Array): (head: number) => Sample {
  const sample = new Float32Array(rows.length);
  return (head) => {
    let count = 0;
    for (const row of rows) {
      const value = values[row * width + head]!;
      if (value === value) sample[count++] = value;
    }
    return { values: sample.subarray(0, count), sorted: false };
  };
}

/** As `unsorted`, smallest first: from the order of all images, which is made once. */
function inOrder(values: Float32Array, width: number, rows: Int32Array): (head: number) => Sample {
  const sample = new Float32Array(rows.length);
  const wanted = new Uint8Array(values.length / width);
  for (const row of rows) wanted[row] = 1;
  return (head) => {
    let count = 0;
    const order = orderOf(values, width, head);
    for (let i = 0; i < order.rows.length; i++) if (wanted[order.rows[i]!]) sample[count++] = order.values[i]!;
    return { values: sample.subarray(0, count), sorted: true };
  };
}

interface Order {
  readonly rows: Uint32Array;
  readonly values: Float32Array;
}
const ordersHeld = new WeakMap<Float32Array, Order[]>();

/** A head's values over all images, smallest first, NaN left out, and which images they are of. */
function orderOf(values: Float32Array, width: number, head: number): Order {
  let held = ordersHeld.get(values);
  if (!held) ordersHeld.set(values, (held = []));
  return (held[head] ??= ordered(values, width, head));
}

/** What `summarise` needs for some of the images, made head by head while nobody waits for it. */
export function* prepareOrders(values: Float32Array, width: number): Generator<void> {
  for (let head = 0; head < width; head++) {
    if (ordersHeld.get(values)?.[head]) continue;
    orderOf(values, width, head);
    yield;
  }
}

function ordered(values: Float32Array, width: number, head: number): Order {
  const n = values.length / width;
  const [value, packed] = [new Float32Array(1), new Float64Array(n)];
  const bits = new Int32Array(value.buffer);
  let count = 0;
  for (let row = 0; row < n; row++) {
    value[0] = values[row * width + head]!;
    // A number's bits are in its order (those of negative ones backwards): value and row in one, sorted natively.
    if (value[0] === value[0]) packed[count++] = (bits[0]! < 0 ? bits[0]! ^ 0x7fffffff : bits[0]!) * ROWS + row;
  }
  const both = packed.subarray(0, count).sort();
  const order = { rows: new Uint32Array(count), values: new Float32Array(count) };
  for (let i = 0; i < count; i++) {
    const row = both[i]! - Math.floor(both[i]! / ROWS) * ROWS;
    order.rows[i] = row;
    order.values[i] = values[row * width + head]!;
  }
  return order;
}
const ROWS = 2 ** 21;

/** Quantile of sorted values with linear interpolation, as NumPy's default. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (sorted[Math.min(below + 1, sorted.length - 1)]! - low) * (place - below);
}

/** As `quantile`, of values in any order, which it rearranges: several times faster than to sort them all. */
export function selected(values: Float32Array, share: number, from = 0): number {
  const place = share * (values.length - 1);
  const below = Math.floor(place);
  const low = select(values, below, from);
  if (place === below) return low;
  let next = Infinity;
  for (let i = below + 1; i < values.length; i++) if (values[i]! < next) next = values[i]!;
  return low + (next - low) * (place - below);
}

/** The quartiles of values in any order, which it rearranges: each only among those the one before left behind it. */
function quartiles(values: Float32Array): [low: number, middle: number, high: number] {
  const low = selected(values, 0.25);
  const middle = selected(values, 0.5, Math.floor(0.25 * (values.length - 1)));
  return [low, middle, selected(values, 0.75, Math.floor(0.5 * (values.length - 1)))];
}

/** The k-th smallest (Hoare's quickselect), where those before `from` are known to be smaller than the rest. */
function select(values: Float32Array, k: number, from: number): number {
  let [left, right] = [from, values.length - 1];
  while (left < right) {
    const pivot = values[(left + right) >> 1]!;
    let [i, j] = [left, right];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const swapped = values[i]!;
        values[i++] = values[j]!;
        values[j--] = swapped;
      }
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else break;
  }
  return values[k]!;
}

/** Mean of each column over the images in `rows`, NaN left out; NaN for a column without a value. */
export function means(values: Float32Array, width: number, rows: Int32Array): Float64Array {
  const { sums, missing } = totals(values, width, rows);
  return sums.map((sum, column) => (missing[column]! < rows.length ? sum / (rows.length - missing[column]!) : NaN));
}

interface Totals {
  readonly sums: Float64Array;
  readonly missing: Int32Array;
}
const totalsHeld = new WeakMap<Float32Array, Totals>();

/** Sums over images. Over all of them they are kept; over most, they are those less the few that are left out. */
function totals(values: Float32Array, width: number, rows: Int32Array): Totals {
  const n = values.length / width;
  if (rows.length <= n / 2) return added(values, width, rows);
  let all = totalsHeld.get(values);
  if (!all)
    totalsHeld.set(
      values,
      (all = added(
        values,
        width,
        Int32Array.from({ length: n }, (_, row) => row),
      )),
    );
  if (rows.length === n) return all;
  if (!all.sums.every(Number.isFinite)) return added(values, width, rows); // infinity less infinity is nothing
  const left = new Uint8Array(n).fill(1);
  for (const row of rows) left[row] = 0;
  const others = added(
    values,
    width,
    Int32Array.from({ length: n }, (_, row) => row).filter((row) => left[row]),
  );
  return {
    sums: all.sums.map((sum, column) => sum - others.sums[column]!),
    missing: all.missing.map((count, column) => count - others.missing[column]!),
  };
}

function added(values: Float32Array, width: number, rows: Int32Array): Totals {
  const sums = new Float64Array(width);
  const missing = new Int32Array(width);
  const add = (start: number, column: number): void => {
    const value = values[start + column]!;
    if (value === value) sums[column]! += value;
    else missing[column]!++;
  };
  // Four images at a time: the sums go through memory a quarter as often.
  const whole = rows.length - (rows.length % 4);
  for (let i = 0; i < whole; i += 4) {
    const [a, b, c, d] = [rows[i]! * width, rows[i + 1]! * width, rows[i + 2]! * width, rows[i + 3]! * width];
    for (let column = 0; column < width; column++) {
      const four = values[a + column]! + values[b + column]! + values[c + column]! + values[d + column]!;
      if (four === four) sums[column]! += four;
      else for (const start of [a, b, c, d]) add(start, column);
    }
  }
  for (let i = whole; i < rows.length; i++)
    for (let column = 0; column < width; column++) add(rows[i]! * width, column);
  return { sums, missing };
}

/** Spearman's rank correlation over the entries where both are known; NaN below two, or where one is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const both = Array.from({ length: a.length }, (_, i) => i).filter(
    (i) => Number.isFinite(a[i]) && Number.isFinite(b[i]),
  );
  const [x, y] = [a, b].map((values) => averageRanks(both.map((i) => values[i]!))) as [number[], number[]];
  const middle = (both.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < both.length; i++) {
    const [dx, dy] = [x[i]! - middle, y[i]! - middle];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : NaN;
}

/** Ranks from 0; equal values share the mean of their ranks. */
function averageRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Array<number>(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranked[order[i]!] = (start + end - 1) / 2;
    start = end;
  }
  return ranked;
}

/** Rank of each value, 1 = largest; 0 where there is none. Equals share the better rank. */
export function ranks(values: Float64Array): Int32Array {
  const result = new Int32Array(values.length);
  const order = descending(values);
  order.forEach((index, place) => {
    const before = order[place - 1];
    result[index] = before !== undefined && values[before] === values[index] ? result[before]! : place + 1;
  });
  return result;
}

/** Indices of the finite values, largest value first. */
export function descending(values: Float64Array): number[] {
  const present = Array.from(values.keys()).filter((index) => Number.isFinite(values[index]));
  return present.sort((a, b) => values[b]! - values[a]! || a - b);
}
