// Which rows of codes may score at least `floor` with a query, in AssemblyScript; assembled by scripts/wasm.ts. What the numbers
// mean, and why the bound holds, is said in quantise.ts and vector-rows.ts.

import { products } from './product';

/** Before a row's codes: scale, error and norm, f32 each, and four bytes that are walk.ts's. */
const HEAD: usize = 16;

/**
 * Looks at the rows of `codes` bytes, from `rows` on, whose bits are set in the `words` at `wanted`. Writes the numbers of those
 * whose bound is not below `floor` to `kept`, their bounds to `out`, and returns how many. A bound that is no number (a norm
 * overflowed) is below nothing. There is room for three more numbers after `kept`, and for four bounds before `out`.
 *
 * Four rows at a time: so the query is read once for all of them, and the memory brings them side by side.
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
  const end = list(wanted, words, kept);
  const bounds = out - 16;
  let found: usize = 0;
  for (let from = kept; from < end; from += 16) {
    const a = rows + <usize>load<u32>(from) * (HEAD + codes);
    const b = rows + <usize>load<u32>(from, 4) * (HEAD + codes);
    const c = rows + <usize>load<u32>(from, 8) * (HEAD + codes);
    const d = rows + <usize>load<u32>(from, 12) * (HEAD + codes);
    // Of two rows scale, scale, error, error, and norm, norm and what is not wanted.
    const ab = v128.shuffle<i32>(v128.load(a), v128.load(b), 0, 4, 1, 5);
    const cd = v128.shuffle<i32>(v128.load(c), v128.load(d), 0, 4, 1, 5);
    const abNorms = v128.shuffle<i32>(v128.load(a), v128.load(b), 2, 6, 3, 7);
    const cdNorms = v128.shuffle<i32>(v128.load(c), v128.load(d), 2, 6, 3, 7);

    const sums = products(a + HEAD, b + HEAD, c + HEAD, d + HEAD, query, codes);
    const scores = f32x4.mul(f32x4.mul(f32x4.splat(scale), firsts(ab, cd)), sums);
    const errors = f32x4.mul(f32x4.splat(perError), seconds(ab, cd));
    const norms = f32x4.mul(f32x4.splat(perNorm), firsts(abNorms, cdNorms));
    const bound = f32x4.add(scores, f32x4.add(errors, norms));
    let below = i32x4.bitmask(f32x4.lt(bound, f32x4.splat(floor)));
    if (below === 15) continue;
    v128.store(bounds, bound);
    const many = min<usize>(16, end - from);
    for (let i: usize = 0; i < many; i += 4) {
      if ((below & 1) === 0) {
        store<u32>(kept + (found << 2), load<u32>(from + i));
        store<f32>(out + (found << 2), load<f32>(bounds + i));
        found++;
      }
      below >>= 1;
    }
  }
  return <u32>found;
}

/** Writes the numbers of the bits, and the last one again until there are four at a time; returns where they end without these. */
function list(wanted: usize, words: u32, at: usize): usize {
  let number: u32 = 0;
  for (let word: u32 = 0; word < words; word++) {
    for (let left = load<u32>(wanted + ((<usize>word) << 2)); left !== 0; left &= left - 1) {
      number = (word << 5) + ctz(left);
      store<u32>(at, number);
      at += 4;
    }
  }
  for (let i: usize = 0; i < 12; i += 4) store<u32>(at + i, number);
  return at;
}

function firsts(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2);
}

function seconds(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 3);
}
