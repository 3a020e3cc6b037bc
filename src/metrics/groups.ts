// From one query's scores to its tie groups (ties.ts), without sorting the gallery: only items that score at least as
// high as the worst relevant one matter, and only by how many stand where between the relevant ones.

import type { TieGroups } from './ties.ts';

/** Scores are equal where they agree on a grid of 2^-20, so that rounding in the dot product makes no order. */
const GRID = 2 ** 20;

export interface GroupCounter {
  /** Relevant gallery items for a query of this label, the query itself (gallery row `self`, or -1) left out. */
  relevant(label: string, self: number): number;
  /** Valid until the next call. `scores` is the query's row, one score per gallery item. */
  count(scores: Float32Array, label: string, self: number): TieGroups;
}

export function groupCounter(options: { galleryLabels: readonly string[] }): GroupCounter {
  const { galleryLabels } = options;
  const members = new Map<string, number[]>();
  galleryLabels.forEach((label, i) => {
    const rows = members.get(label);
    if (rows) rows.push(i);
    else members.set(label, [i]);
  });
  const widest = Math.max(0, ...[...members.values()].map((rows) => rows.length));
  const levels = new Float64Array(widest);
  const groups = {
    count: 0,
    before: new Uint32Array(widest + 1),
    relevant: new Uint32Array(widest + 1),
    irrelevant: new Uint32Array(widest + 1),
  };
  const isRelevant = new Uint8Array(galleryLabels.length);

  return {
    relevant(label, self) {
      return (members.get(label)?.length ?? 0) - (self >= 0 && galleryLabels[self] === label ? 1 : 0);
    },
    count(scores, label, self) {
      const rows = members.get(label) ?? [];
      let positives = 0;
      for (const row of rows) if (row !== self) levels[positives++] = Math.round(scores[row]! * GRID);
      levels.subarray(0, positives).sort().reverse();
      let count = 0;
      for (let i = 0; i < positives; i++) {
        if (count > 0 && levels[i] === levels[count - 1]) groups.relevant[count - 1]!++;
        else {
          levels[count] = levels[i]!;
          groups.relevant[count] = 1;
          count++;
        }
      }
      groups.count = count;
      groups.before.fill(0, 0, count);
      groups.irrelevant.fill(0, 0, count);
      if (count === 0) return groups;

      for (const row of rows) isRelevant[row] = 1;
      const lowest = levels[count - 1]!;
      // Most items score well below every relevant one: spare them the rounding.
      const floor = (lowest - 1) / GRID;
      for (let j = 0; j < scores.length; j++) {
        if (scores[j]! < floor) continue;
        const level = Math.round(scores[j]! * GRID);
        if (level < lowest || j === self || isRelevant[j] === 1) continue;
        // The best group that this item does not rank below.
        let low = 0;
        for (let high = count - 1; low < high; ) {
          const middle = (low + high) >> 1;
          if (levels[middle]! <= level) high = middle;
          else low = middle + 1;
        }
        if (levels[low] === level) groups.irrelevant[low]!++;
        else groups.before[low]!++;
      }
      for (const row of rows) isRelevant[row] = 0;
      let above = 0;
      for (let g = 0; g < count; g++) {
        above += groups.before[g]!;
        groups.before[g] = above;
        above += groups.relevant[g]! + groups.irrelevant[g]!;
      }
      return groups;
    },
  };
}
