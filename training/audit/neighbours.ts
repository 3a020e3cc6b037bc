// The nearest rows of some rows, for people to look at. Not a search index.

import { gatherRows } from '../../src/math/gather.ts';
import type { Matmul } from '../baselines/matmul.ts';

/** Row numbers, nearest first, the row itself left out, and its own source where there are any. `embeddings` [n, dimension], unit rows. */
export async function nearestRows(options: {
  embeddings: Float32Array;
  dimension: number;
  rows: readonly number[];
  count: number;
  matmul: Matmul;
  sources?: readonly string[];
}): Promise<number[][]> {
  const { embeddings, dimension, rows, count, matmul, sources } = options;
  const all = embeddings.length / dimension;
  const found: number[][] = [];
  const block = Math.max(1, Math.floor(2 ** 22 / all));
  for (let from = 0; from < rows.length; from += block) {
    const some = rows.slice(from, from + block);
    const queries = gatherRows(embeddings, some, dimension);
    const scores = await matmul.scores({ queries, gallery: embeddings, dimension });
    some.forEach((row, i) => {
      const line = scores.subarray(i * all, (i + 1) * all);
      const best: number[] = [];
      for (let other = 0; other < all; other++) {
        if (other === row || (sources !== undefined && sources[other] === sources[row])) continue;
        if (best.length === count && line[other]! <= line[best.at(-1)!]!) continue;
        let at = best.length;
        while (at > 0 && line[best[at - 1]!]! < line[other]!) at--;
        best.splice(at, 0, other);
        if (best.length > count) best.pop();
      }
      found.push(best);
    });
  }
  return found;
}
