// From one query's scores to its tie groups (ties.ts), without sorting the gallery: only items that score at least as
// high as the worst relevant one matter, and only by how many stand where between the relevant ones.

import type { TieGroups } from './ties.ts';

/** Scores are equal where they agree on a grid of 2^-20, so that rounding in the dot product makes no order. */
const GRID = 2 ** 20;

/** What a query is, and by that which gallery rows it does not meet. */
export interface QueryRow {
  readonly label: string;
  /** The gallery row that is the query itself, or -1. */
  readonly self: number;
  readonly source?: string;
}

export interface GroupCounter {
  /** Relevant gallery items that the query meets. */
  relevant(query: QueryRow): number;
  /** Valid until the next call. `scores` is the query's row, one score per gallery item. */
  count(scores: Float32Array, query: QueryRow): TieGroups;
}

/** With `gallerySources` a query does not meet what comes from its own source. */
export function groupCounter(options: {
  galleryLabels: readonly string[];
  gallerySources?: readonly string[];
}): GroupCounter {
  const { galleryLabels, gallerySources } = options;
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
  const meets = ({ self, source }: QueryRow, row: number) =>
    row !== self && (source === undefined || gallerySources?.[row] !== source);

  return {
    relevant(query) {
      let positives = 0;
      for (const row of members.get(query.label) ?? []) if (meets(query, row)) positives++;
      return positives;
    },
    count(scores, query) {
      const rows = members.get(query.label) ?? [];
      let positives = 0;
      for (const row of rows) if (meets(query, row)) levels[positives++] = Math.round(scores[row]! * GRID);
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
        if (level < lowest || isRelevant[j] === 1 || !meets(query, j)) continue;
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
