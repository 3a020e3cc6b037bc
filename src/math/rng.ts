// Seeded random numbers that can be saved and resumed: xoshiro128** (Blackman and Vigna 2018), seeded by splitmix32.
// For sampling and initialisation. Not for secrets.

import { invalid } from '../errors/error.ts';

/** Four u32 words, as JSON likes them. */
export type RngState = readonly [number, number, number, number];

export interface Rng {
  /** Uniform in [0, 1), 53 random bits. */
  next(): number;
  /** Uniform integer in [0, n), without modulo bias; `n` is 1 to 2^32. */
  int(n: number): number;
  /** Standard normal (Box-Muller; keeps no spare value, so that `state()` is all there is). */
  normal(): number;
  /** Fisher-Yates, in place; returns its argument. */
  shuffle<T extends ShuffleArray>(array: T): T;
  /** All that is needed to go on from here: `restoreRng(rng.state())`. */
  state(): RngState;
}

interface ShuffleArray {
  readonly length: number;
  // biome-ignore lint/suspicious/noExplicitAny: any array or typed array, whatever it holds.
  [index: number]: any;
}

/** A generator from a seed: an integer from 0 to 2^53 - 1. Equal seeds give equal sequences on every machine. */
export function createRng(seed: number): Rng {
  if (!Number.isSafeInteger(seed) || seed < 0) throw invalid('seed', 'an integer from 0 to 2^53 - 1', seed);
  let z = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b)) | 0;
  const splitmix32 = (): number => {
    z = (z + 0x9e3779b9) | 0;
    let t = z ^ (z >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  return restoreRng([splitmix32(), splitmix32(), splitmix32(), splitmix32()]);
}

/** A generator that goes on where `state()` was taken. */
export function restoreRng(state: RngState): Rng {
  if (state.length !== 4 || state.some((w) => w >>> 0 !== w) || state.every((w) => w === 0))
    throw invalid('state', 'four u32 words, not all zero', state);
  let [a, b, c, d] = state;

  const u32 = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const next = (): number => ((u32() >>> 5) * 2 ** 26 + (u32() >>> 6)) / 2 ** 53;
  const int = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw invalid('n', 'an integer from 1 to 2^32', n);
    // Refuse the last, incomplete run of n values: every remainder is then equally likely.
    const fair = 2 ** 32 - (2 ** 32 % n);
    let drawn = u32();
    while (drawn >= fair) drawn = u32();
    return drawn % n;
  };
  return {
    next,
    int,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffle: (array) => {
      for (let i = array.length - 1; i > 0; i--) {
        const j = int(i + 1);
        const held = array[i];
        array[i] = array[j];
        array[j] = held;
      }
      return array;
    },
    state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0],
  };
}
