// Arrays as the server sends them: the bytes that numpy made (tests/shared/arrays.json).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { question, read } from '../src/io/answers';
import { readNpy, readNpz, type NdArray } from '../src/io/npy';

interface Shared {
  readonly npy: Record<string, string>;
  readonly npz: string;
  readonly shapes: Record<string, number[]>;
  readonly values: Record<string, (number | string | null)[]>;
}
const shared = JSON.parse(readFileSync('../tests/shared/arrays.json', 'utf8')) as Shared;
const bytes = (coded: string): ArrayBuffer => Uint8Array.from(Buffer.from(coded, 'base64')).buffer;
const plain = ({ values }: NdArray): (number | string | null)[] =>
  [...values].map((value) => (Number.isNaN(value) ? null : Number.isFinite(value) ? value : String(value)));

describe('arrays of numpy', () => {
  it.each(Object.keys(shared.npy))('reads %s', (name) => {
    const found = readNpy(bytes(shared.npy[name]!));
    expect(found.shape).toEqual(shared.shapes[name]);
    expect(plain(found)).toEqual(shared.values[name]);
  });

  it('reads several by name', () => {
    const found = readNpz(bytes(shared.npz));
    expect(Object.keys(found).sort()).toEqual(Object.keys(shared.npy).sort());
    for (const [name, each] of Object.entries(found)) {
      expect(each.shape).toEqual(shared.shapes[name]);
      expect(plain(each)).toEqual(shared.values[name]);
    }
  });

  it('gives one array as its numbers', () => {
    expect(read('importance', 'application/x-npy', bytes(shared.npy['single']!))).toBeInstanceOf(Float32Array);
  });
});

describe('questions', () => {
  it('leave out what is not given, and keep signs that mean something in an address', () => {
    expect(question('importance', { metric: 'jsd', mode: 'cp+pc' })).toBe('importance?metric=jsd&mode=cp%2Bpc');
    expect(question('patterns', { k: undefined })).toBe('patterns');
  });
});
