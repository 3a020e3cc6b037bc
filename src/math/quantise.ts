// Vectors as integers of few bits, with the length of what that leaves out: enough to bound any inner product.
//
// A row v is s c + r: codes c in -127..127, s = max |v| / 127, and a rest r of known length. A query q likewise, in int16.
// Then v.q is s_v s_q (c_v . c_q) up to |r_v| |q| + (|v| + |r_v|) |r_q| (Cauchy-Schwarz).

/** Of a row's int8 codes. */
export const MOST_CODE = 127;
/** What f32 arithmetic may add to a bound, in parts of |v| |q|: some roundings of 6e-8 each. */
const ROUNDING = 1e-6;

/** What codes are worth, and what they leave out. */
export interface Quantised {
  /** What one of a code is worth. */
  readonly scale: number;
  /** Length of what the codes leave over. */
  readonly error: number;
  /** Length of the vector. */
  readonly norm: number;
}

/** Writes codes up to `most` to `codes` from `at` on. */
export function quantise(
  vector: Float32Array,
  most: number,
  codes: Int8Array | Int16Array,
  at: number,
): Quantised {
  let max = 0;
  for (let i = 0; i < vector.length; i++) {
    const size = Math.abs(vector[i]);
    if (size > max) max = size;
  }
  // As the kernel reads it. A scale that is none leaves everything over.
  const scale = Math.fround(max / most);
  // Any code is right, as what it leaves over is counted: so rounding may be done in the fastest way.
  const perOne = scale > 0 ? 1 / scale : 0;
  let rest = 0;
  let all = 0;
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i];
    const rounded = Math.floor(x * perOne + 0.5);
    const code = rounded > most ? most : rounded < -most ? -most : rounded;
    codes[at + i] = code;
    rest += (x - scale * code) ** 2;
    all += x * x;
  }
  return { scale, error: Math.sqrt(rest), norm: Math.sqrt(all) };
}

/**
 * Writes codes as fine as a sum in 32 bits allows to the beginning of `codes`. A row's product is off by at most `perError` times its
 * error and `perNorm` times its norm.
 */
export function quantiseQuery(vector: Float32Array, codes: Int16Array) {
  const most = Math.min(32_767, Math.floor(2 ** 31 / (MOST_CODE * (vector.length + 8))));
  const { scale, error, norm } = quantise(vector, most, codes, 0);
  return { scale, perError: norm + error, perNorm: error + ROUNDING * norm };
}
