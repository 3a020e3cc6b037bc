// The inner product of a row's codes with a query's, in AssemblyScript: part of scan.ts and walk.ts. What the numbers mean is
// said in quantise.ts.

/** Codes whose products 32 bits are enough for. */
export const BLOCK: usize = 128;

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
