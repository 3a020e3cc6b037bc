// What a query looks for: one vector, or examples that are good and bad. Scores a slot, and finds the best of them.

import type { FlatIndex } from '../index/flat.ts';
import type { Planned } from '../index/planner.ts';
import type { SearchHits } from '../index/vector-index.ts';
import { normalised } from '../math/normalise.ts';
import { TopK } from '../math/top-k.ts';

export type Target =
  | { readonly kind: 'nearest'; readonly vector: Float32Array }
  /** As near as the nearest of `positive`; not what is nearer to one of `negative`. */
  | {
      readonly kind: 'best';
      readonly positive: readonly Float32Array[];
      readonly negative: readonly Float32Array[];
    };

/**
 * Qdrant's average_vector: the mean of the good examples, and as much again of what leads there from the mean of the bad
 * ones. Undefined where they cancel each other out.
 */
export function averageTarget(
  positive: readonly Float32Array[],
  negative: readonly Float32Array[],
): Target | undefined {
  const sum = new Float32Array(positive[0]!.length);
  const weight = negative.length > 0 ? 2 : 1;
  for (const vector of positive)
    for (let i = 0; i < sum.length; i++) sum[i]! += (weight * vector[i]!) / positive.length;
  for (const vector of negative) for (let i = 0; i < sum.length; i++) sum[i]! -= vector[i]! / negative.length;
  const vector = normalised(sum);
  return vector && { kind: 'nearest', vector };
}

/** Cosine to the target; -Infinity for what is nearer to a bad example. */
export function scoreOf(target: Target, flat: FlatIndex, slot: number): number {
  if (target.kind === 'nearest') return flat.score(slot, target.vector);
  const best = (vectors: readonly Float32Array[]) =>
    vectors.reduce((most, vector) => Math.max(most, flat.score(slot, vector)), -Infinity);
  const score = best(target.positive);
  return best(target.negative) >= score ? -Infinity : score;
}

/** The best `k`, as a search by each good example finds them, with growing depth. */
export function nearestToAny(options: {
  target: Target & { kind: 'best' };
  k: number;
  flat: FlatIndex;
  /** How many there are to choose from. */
  most: number;
  search: (vector: Float32Array, k: number) => Planned;
}): Planned {
  const { target, k, flat, most, search } = options;
  for (let depth = 2 * k; ; depth *= 4) {
    const found = target.positive.map((vector) => search(vector, depth));
    // What a search did not bring is at most as good as the last that it brought.
    const unseen =
      depth < most ? Math.max(...found.map(({ hits }) => hits.scores.at(-1) ?? -Infinity)) : -Infinity;
    const top = new TopK(k);
    let sure = 0;
    for (const slot of new Set(found.flatMap(({ hits }) => [...hits.slots]))) {
      const score = scoreOf(target, flat, slot);
      if (score === -Infinity) continue;
      top.push(slot, score);
      if (score >= unseen) sure++;
    }
    if (sure < k && depth < most) continue;
    const { keys, scores } = top.take();
    const hits: SearchHits = { slots: keys, scores };
    const candidates = found.reduce((sum, { plan }) => sum + plan.candidates, 0);
    return { hits, plan: { ...found[0]!.plan, candidates } };
  }
}
