// The inner product of a row's codes with a query's, in AssemblyScript: part of scan.ts and walk.ts. What the numbers mean is
// said in quantise.ts.

/** Codes whose products 32 bits are enough for. */
const BLOCK: usize = 128;

/** Of `codes` bytes, a multiple of 16. */
export function product(row: usize, query: usize, codes: usize): f32 {
  let sum = f32x4.splat(0);
  const end = row + codes;
  while (row < end) {
    const blockEnd = min(end, row + BLOCK);
    let s0 = i32x4.splat(0);
    let s1 = i32x4.splat(0);
    while (row < blockEnd) {
      const words = v128.load(row);
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(words, v128.load(query)));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(i16x8.shl(words, 8), v128.load(query, 16)));
      row += 16;
      query += 32;
    }
    sum = f32x4.add(sum, f32x4.convert_i32x4_s(i32x4.add(s0, s1)));
  }
  sum = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
}

/** The same of four rows, to the last bit: the query is read once for all of them. */
export function products(a: usize, b: usize, c: usize, d: usize, query: usize, codes: usize): v128 {
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  const end = a + codes;
  while (a < end) {
    const blockEnd = min(end, a + BLOCK);
    let s = i32x4.splat(0);
    let t = s;
    let u = s;
    let v = s;
    while (a < blockEnd) {
      const highs = v128.load(query);
      const lows = v128.load(query, 16);
      const w = v128.load(a);
      const x = v128.load(b);
      const y = v128.load(c);
      const z = v128.load(d);
      s = i32x4.add(s, i32x4.dot_i16x8_s(w, highs));
      t = i32x4.add(t, i32x4.dot_i16x8_s(x, highs));
      u = i32x4.add(u, i32x4.dot_i16x8_s(y, highs));
      v = i32x4.add(v, i32x4.dot_i16x8_s(z, highs));
      s = i32x4.add(s, i32x4.dot_i16x8_s(i16x8.shl(w, 8), lows));
      t = i32x4.add(t, i32x4.dot_i16x8_s(i16x8.shl(x, 8), lows));
      u = i32x4.add(u, i32x4.dot_i16x8_s(i16x8.shl(y, 8), lows));
      v = i32x4.add(v, i32x4.dot_i16x8_s(i16x8.shl(z, 8), lows));
      a += 16;
      b += 16;
      c += 16;
      d += 16;
      query += 32;
    }
    sumA = f32x4.add(sumA, f32x4.convert_i32x4_s(s));
    sumB = f32x4.add(sumB, f32x4.convert_i32x4_s(t));
    sumC = f32x4.add(sumC, f32x4.convert_i32x4_s(u));
    sumD = f32x4.add(sumD, f32x4.convert_i32x4_s(v));
  }
  const ab = halves(sumA, sumB);
  const cd = halves(sumC, sumD);
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Half sums of two: a, b, a, b. */
function halves(a: v128, b: v128): v128 {
  return f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
}
