// Which rows of int8 may score at least `floor` with a query of int16, in AssemblyScript; assembled by scripts/wasm.ts.
// What the numbers mean, and why the bound holds, is said in quantise.ts and vector-rows.ts.

import { product } from './product';

/** Before a row's codes: scale, error and norm, f32 each, and four bytes that are walk.ts's. */
const HEAD: usize = 16;

/**
 * Looks at the rows of `codes` bytes, from `rows` on, whose bits are set in the `words` at `wanted`. Writes the numbers of those
 * whose bound is not below `floor` to `kept`, their bounds to `out`, and returns how many. A bound that is no number (a norm
 * overflowed) is below nothing.
 */
export function sift(
  query: usize,
  rows: usize,
  codes: usize,
  wanted: usize,
  words: u32,
  kept: usize,
  out: usize,
  scale: f32,
  perError: f32,
  perNorm: f32,
  floor: f32,
): u32 {
  let found: usize = 0;
  for (let word: u32 = 0; word < words; word++) {
    for (let left = load<u32>(wanted + ((<usize>word) << 2)); left !== 0; left &= left - 1) {
      const number = (word << 5) + ctz(left);
      const row = rows + <usize>number * (HEAD + codes);
      const bound =
        scale * load<f32>(row) * <f32>product(row + HEAD, query, codes) +
        (perError * load<f32>(row, 4) + perNorm * load<f32>(row, 8));
      if (bound < floor) continue;
      store<u32>(kept + (found << 2), number);
      store<f32>(out + (found << 2), bound);
      found++;
    }
  }
  return <u32>found;
}
