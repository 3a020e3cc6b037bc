// The inner product of codes of int8 with a query of int16, in AssemblyScript: part of scan.ts and walk.ts.

/** Of `codes` bytes, a multiple of eight. The caller sees to it that the sum fits into 32 bits. */
export function product(codes: usize, query: usize, bytes: usize): i32 {
  let a = codes;
  let b = query;
  const end = a + bytes;
  const end4 = a + (bytes & ~31);
  let s0 = i32x4.splat(0);
  let s1 = i32x4.splat(0);
  while (a < end4) {
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load_ext<i8>(a), v128.load(b)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load_ext<i8>(a, 8), v128.load(b, 16)));
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load_ext<i8>(a, 16), v128.load(b, 32)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load_ext<i8>(a, 24), v128.load(b, 48)));
    a += 32;
    b += 64;
  }
  while (a < end) {
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load_ext<i8>(a), v128.load(b)));
    a += 8;
    b += 16;
  }
  s0 = i32x4.add(s0, s1);
  s0 = i32x4.add(s0, v128.shuffle<i8>(s0, s0, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.extract_lane(s0, 0) + i32x4.extract_lane(s0, 1);
}
