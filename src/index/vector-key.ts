// A short name of a vector's bits, by which equal vectors are found: equal keys are a hint, never proof.

/** A 32-bit hash of the vector's bits (the body of MurmurHash3: every bit of a word, signs too, reaches the rest). */
export function vectorKey(vector: Float32Array): number {
  const words = new Int32Array(vector.buffer, vector.byteOffset, vector.length);
  let hash = 0;
  for (let i = 0; i < words.length; i++) {
    let word = Math.imul(words[i]!, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return hash;
}
