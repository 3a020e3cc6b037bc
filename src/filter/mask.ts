// Masks: one byte per row or value, 0 or 1. Loops over many, four bytes at a time.

export function countOnes(mask: Uint8Array): number {
  const { words, rest } = wordsIn(mask);
  let count = 0;
  for (let i = 0; i < words.length; ) {
    // Four sums in one number: a byte overflows after 255.
    const end = Math.min(words.length, i + 255);
    let sums = 0;
    for (; i < end; i++) sums = (sums + words[i]!) | 0;
    count += (sums & 255) + ((sums >>> 8) & 255) + ((sums >>> 16) & 255) + (sums >>> 24);
  }
  for (const one of rest) count += one;
  return count;
}

/** Sets in `mask` what is set in `other`, which is as long. */
export function include(mask: Uint8Array, other: Uint8Array): void {
  const [to, from] = [wordsIn(mask), wordsIn(other)];
  for (let i = 0; i < to.words.length; i++) to.words[i]! |= from.words[i]!;
  for (let i = 0; i < to.rest.length; i++) to.rest[i]! |= from.rest[i]!;
}

/** Every 1 becomes 0, and every 0 becomes 1. */
export function flip(mask: Uint8Array): void {
  const { words, rest } = wordsIn(mask);
  for (let i = 0; i < words.length; i++) words[i]! ^= 0x01010101;
  for (let i = 0; i < rest.length; i++) rest[i]! ^= 1;
}

/** Views of a mask that begins where its buffer does: four bytes in one, and those that are left. */
export function wordsIn(mask: Uint8Array): { words: Uint32Array; rest: Uint8Array } {
  return {
    words: new Uint32Array(mask.buffer, mask.byteOffset, mask.length >>> 2),
    rest: mask.subarray(mask.length & ~3),
  };
}
