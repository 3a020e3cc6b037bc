// Vectors as integers of few bits, with the length of what that leaves out: enough to bound any inner product.
//
// A row v is s c + r: codes c in -127..127, s = max |v| / 127, and a rest r of known length. A query q likewise, in int16.
// Then v.q is s_v s_q (c_v . c_q) up to |r_v| |q| + (|v| + |r_v|) |r_q| (Cauchy-Schwarz).

/** Of a row's int8 codes. */
export const MOST_CODE = 127;
/** What f32 arithmetic may add to a bound, in parts of |v| |q|: some roundings of 6e-8 each. */
const ROUNDING = 1e-6;

export interface Quantised {
  readonly codes: Int16Array;
  /** What one of a code is worth. */
  readonly scale: number;
  /** Length of what the codes leave over. */
  readonly error: number;
  /** Length of the vector. */
  readonly norm: number;
}

/** Codes up to `most`. */
export function quantised(vector: Float32Array, most: number): Quantised {
  const codes = new Int16Array(vector.length);
  let max = 0;
  for (let i = 0; i < vector.length; i++) max = Math.max(max, Math.abs(vector[i]));
  // As the kernel reads it. A scale that is none leaves everything over.
  const scale = Math.fround(max / most);
  let rest = 0;
  let all = 0;
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i];
    const code = scale > 0 ? Math.max(-most, Math.min(most, Math.round(x / scale))) : 0;
    codes[i] = code;
    rest += (x - scale * code) ** 2;
    all += x * x;
  }
  return { codes, scale, error: Math.sqrt(rest), norm: Math.sqrt(all) };
}

export type QuantisedQuery = ReturnType<typeof quantisedQuery>;

/** As fine as a sum in 32 bits allows. A row's product is off by at most `perError` times its error and `perNorm` times its norm. */
export function quantisedQuery(vector: Float32Array) {
  const most = Math.min(32_767, Math.floor(2 ** 31 / (MOST_CODE * (vector.length + 8))));
  const query = quantised(vector, most);
  return {
    codes: query.codes,
    scale: query.scale,
    perError: query.norm + query.error,
    perNorm: query.error + ROUNDING * query.norm,
  };
}
