// Maximal marginal relevance (Carbonell and Goldstein, 1998): hits that are near the query and not near each other.

import type { FlatIndex } from '../index/flat.ts';
import type { SearchHits } from '../index/vector-index.ts';

/**
 * Chooses `limit` of `hits` one after the other, each the one with the highest
 * (1 - diversity) score - diversity (its highest cosine to one that was chosen already). 0 leaves the order as it is.
 */
export function diversified(options: {
  hits: SearchHits;
  limit: number;
  diversity: number;
  flat: FlatIndex;
}): SearchHits {
  const { hits, limit, diversity, flat } = options;
  const left = [...hits.slots.keys()];
  const nearest = new Float64Array(left.length).fill(-Infinity);
  const chosen: number[] = [];
  while (chosen.length < limit && left.length > 0) {
    const worth = (i: number) =>
      (1 - diversity) * hits.scores[i]! - (chosen.length > 0 ? diversity * nearest[i]! : 0);
    let best = 0;
    // Equal ones in the order of the hits.
    for (let j = 1; j < left.length; j++) if (worth(left[j]!) > worth(left[best]!)) best = j;
    const [i] = left.splice(best, 1) as [number];
    chosen.push(i);
    const vector = flat.vector(hits.slots[i]!);
    for (const other of left)
      nearest[other] = Math.max(nearest[other]!, flat.score(hits.slots[other]!, vector));
  }
  return {
    slots: Uint32Array.from(chosen, (i) => hits.slots[i]!),
    scores: Float32Array.from(chosen, (i) => hits.scores[i]!),
  };
}
