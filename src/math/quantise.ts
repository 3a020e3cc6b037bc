// Vectors as integers of few bits, with the length of what that leaves out: enough to bound any inner product.
//
// A row v is s c + r: codes c, s = max |v| / 127, and a rest r of known length. A query q likewise, in integers. Then v.q is
// s_v s_q (c_v . c_q) up to |r_v| |q| + (|v| + |r_v|) |r_q| (Cauchy-Schwarz).
//
// Two bytes are the codes of two components: the low one, signed, that of the first; both together, as a signed word, 256 times
// that of the second. So the kernel multiplies words as they lie, and has not to widen bytes first; the second code's fraction,
// which the first makes, is as good as any.

const MOST_CODE = 127;
/** Of a query: so that sums over 128 codes, of a quarter of them each, fit into 32 bits. */
const MOST_QUERY_CODE = 2047;
/** What f32 arithmetic may add to a bound, in parts of |v| |q|: some roundings of 6e-8 each, and one per 128 codes. */
const ROUNDING = 5e-6;

/** What codes are worth, and what they leave out. */
export interface Quantised {
  /** What one of a code is worth. */
  readonly scale: number;
  /** Length of what the codes leave over. */
  readonly error: number;
  /** Length of the vector. */
  readonly norm: number;
}

/** Writes a row's codes to `codes` from `at` on, a byte for each component. */
export function quantise(vector: Float32Array, codes: Int8Array, at: number): Quantised {
  const { scale, perOne } = scaleOf(vector, MOST_CODE);
  let rest = 0;
  let all = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const x = vector[i];
    // Any code is right, as what it leaves over is counted: so rounding may be done in the fastest way.
    const code = within(Math.floor(x * perOne + 0.5), MOST_CODE);
    codes[at + i] = code;
    rest += (x - scale * code) ** 2;
    all += x * x;
    if (i + 1 === vector.length) break;
    const y = vector[i + 1];
    const fraction = (code & 255) / 256;
    const high = within(Math.floor(y * perOne - fraction + 0.5), MOST_CODE);
    codes[at + i + 1] = high;
    rest += (y - scale * (high + fraction)) ** 2;
    all += y * y;
  }
  return { scale, error: Math.sqrt(rest), norm: Math.sqrt(all) };
}

/**
 * Writes a query's codes to the beginning of `codes`: of every 16 first those of the second components, then those of the first.
 * `scale` is for products as the kernel makes them. One is off by at most `perError` times the row's error and `perNorm` times its norm.
 */
export function quantiseQuery(vector: Float32Array, codes: Int16Array) {
  const { scale, perOne } = scaleOf(vector, MOST_QUERY_CODE);
  let rest = 0;
  let all = 0;
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i];
    const code = within(Math.floor(x * perOne + 0.5), MOST_QUERY_CODE);
    codes[(i & ~15) + ((i & 15) >> 1) + ((i & 1) === 0 ? 8 : 0)] = code;
    rest += (x - scale * code) ** 2;
    all += x * x;
  }
  const [error, norm] = [Math.sqrt(rest), Math.sqrt(all)];
  return { scale: scale / 256, perError: norm + error, perNorm: error + ROUNDING * norm };
}

function scaleOf(vector: Float32Array, most: number) {
  let max = 0;
  for (let i = 0; i < vector.length; i++) {
    const size = Math.abs(vector[i]);
    if (size > max) max = size;
  }
  // As the kernel reads it. A scale that is none leaves everything over.
  const scale = Math.fround(max / most);
  return { scale, perOne: scale > 0 ? 1 / scale : 0 };
}

const within = (x: number, most: number): number => (x > most ? most : x < -most ? -most : x);
