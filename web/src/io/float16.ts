// IEEE half precision to float32, by a table of all 65,536 values made once: as fast as Float16Array, and everywhere.

let table: Float32Array | null = null;

export function fromFloat16(bytes: ArrayBuffer): Float32Array {
  const codes = new Uint16Array(bytes);
  table ??= Float32Array.from({ length: 65536 }, (_, code) => decode(code));
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i]!]!;
  return values;
}

function decode(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 0x1f;
  const fraction = code & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
