// The 8-bit logarithmic code of bulk attention: 0 = nothing, 1..255 = 1e-5..1, within 2.3 % everywhere in between.

const TABLE = Float32Array.from({ length: 256 }, (_, code) => (code === 0 ? 0 : 10 ** (-5 + (5 * (code - 1)) / 254)));

export function fromLog8(codes: Uint8Array): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = TABLE[codes[i]!]!;
  return values;
}
