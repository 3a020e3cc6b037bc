// Class fields at every sample, one pair at a time: what fieldScores is held against.

export interface NaiveFieldScore {
  readonly own: number;
  readonly share: number;
  /** Of every class. */
  readonly shares: readonly number[];
  readonly best: number;
  readonly bestField: number;
}

export function fieldScoresReference(
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  classes: number,
  radius: number,
): NaiveFieldScore[] {
  return rows.map((at, i) => {
    const fields: number[] = Array(classes).fill(0);
    for (const [j, other] of rows.entries()) {
      if (i === j) continue;
      const d = Math.hypot(...at.map((x, k) => x - other[k]!));
      fields[labels[j]!]! += Math.exp(-(d ** 2) / 2 / radius ** 2);
    }
    const own = fields[labels[i]!]!;
    const others = fields
      .map((field, c) => ({ field, c }))
      .filter(({ c }) => c !== labels[i] && labels.includes(c))
      .toSorted((a, b) => b.field - a.field || a.c - b.c);
    const total = fields.reduce((sum, field) => sum + field, 0);
    return {
      own,
      share: total > 0 ? own / total : 0,
      shares: fields.map((field) => (total > 0 ? field / total : 0)),
      best: others[0]?.c ?? -1,
      bestField: others[0]?.field ?? 0,
    };
  });
}
