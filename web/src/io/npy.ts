// Arrays as numpy writes them: .npy, and .npz that is stored and not compressed.
import { fromFloat16 } from './float16';

export type Numbers = Float32Array | Float64Array | Uint8Array;
export interface NdArray {
  readonly values: Numbers;
  readonly shape: readonly number[];
}

const text = new TextDecoder('latin1');

/** One array. Half precision becomes single, whole numbers of 8 bytes become doubles. */
export function readNpy(bytes: ArrayBuffer): NdArray {
  const view = new DataView(bytes);
  const at = view.getUint8(6) === 1 ? 10 : 12; // the header's length has two bytes in version 1, four later
  const start = at + (at === 10 ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = text.decode(new Uint8Array(bytes, at, start - at));
  const type = /'descr': '[<|]?(\w+)'/.exec(header)?.[1] ?? '';
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((size) => size.trim());
  const read = READERS[type];
  if (!read) throw new Error(`cannot read an array of type ${type}`);
  return { values: read(bytes.slice(start)), shape: shape.map(Number) };
}

const READERS: Readonly<Record<string, (bytes: ArrayBuffer) => Numbers>> = {
  f2: fromFloat16,
  f4: (bytes) => new Float32Array(bytes),
  f8: (bytes) => new Float64Array(bytes),
  i8: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
  u1: (bytes) => new Uint8Array(bytes),
};

/** Several arrays by name. */
export function readNpz(bytes: ArrayBuffer): Readonly<Record<string, NdArray>> {
  const view = new DataView(bytes);
  const end = bytes.byteLength - 22; // the end of a zip archive without a comment
  const found: Record<string, NdArray> = {};
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const name = text.decode(new Uint8Array(bytes, at + 46, nameLength));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    found[name.replace(/\.npy$/, '')] = readNpy(bytes.slice(start, start + size));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}
