// Orders of images: of the sortable list, and of the contact sheet.
import type { ImageTable } from '../io/wire';
import { shortName } from '../ground/run';
import type { Options } from './options';

type Sort = Options['listSort'];

/** Rows by a column of the list; what has no value comes last either way, ties stay by number. */
export function sorted(
  rows: Int32Array,
  by: Sort,
  down: boolean,
  images: ImageTable,
  totals: Float32Array | null,
): Int32Array {
  const key = keyOf(by, images, totals);
  const sign = down ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const [noX, noY] = [x === null || x !== x, y === null || y !== y];
    if (noX || noY) return Number(noX) - Number(noY) || a - b;
    const order = typeof x === 'string' ? x.localeCompare(y as string) : x! - (y as number);
    return sign * order || a - b;
  });
}

function keyOf(by: Sort, images: ImageTable, totals: Float32Array | null): (row: number) => string | number | null {
  const name = (target: number): string | null => (target < 0 ? null : shortName(images, target));
  switch (by) {
    case 'number':
      return (row) => row;
    case 'name':
      return (row) => images.name[row]!;
    case 'true':
      return (row) => name(images.label[row]!);
    case 'predicted':
      return (row) => name(images.prediction[row]!);
    case 'confidence':
      return (row) => images.probability[row] ?? null;
    case 'correct':
      return (row) => (images.correct[row] === null ? null : Number(images.correct[row]));
    case 'total':
      return (row) => totals?.[row] ?? null;
  }
}

/** Rows of the contact sheet: by the numbers that colour them, largest first; else wrong ones, the surest first, then right. */
export function sheetOrder(rows: Int32Array, images: ImageTable, values: Float32Array | null): Int32Array {
  if (values) return rows.slice().sort((a, b) => sizeOf(values[b]!) - sizeOf(values[a]!) || a - b);
  const surest = (row: number): number => images.probability[row] ?? 0;
  const group = (row: number): number => (images.correct[row] === false ? 0 : images.correct[row] === true ? 1 : 2);
  return rows.slice().sort((a, b) => group(a) - group(b) || surest(b) - surest(a) || a - b);
}

const sizeOf = (value: number): number => (value === value ? value : -Infinity);
