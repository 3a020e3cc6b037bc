// Naive nearest neighbours: score everything, sort everything. And unit vectors to try it on.

import type { Rng } from '../../src/math/rng.ts';

export interface NaiveHit {
  readonly slot: number;
  readonly score: number;
}

/** Best first, ties by slot; scores rounded to f32 as the port returns them. */
export function naiveNearest(
  vectors: ReadonlyMap<number, Float32Array>,
  query: Float32Array,
  k: number,
): NaiveHit[] {
  return [...vectors]
    .map(([slot, vector]) => {
      let score = 0;
      for (let i = 0; i < query.length; i++) score += vector[i]! * query[i]!;
      return { slot, score: Math.fround(score) };
    })
    .sort((a, b) => b.score - a.score || a.slot - b.slot)
    .slice(0, k);
}

export function randomUnit(rng: Rng, dimension: number): Float32Array {
  const vector = Float32Array.from({ length: dimension }, () => rng.normal());
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}
