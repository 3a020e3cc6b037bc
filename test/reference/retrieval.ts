// The evaluator by brute force, straight from the definitions: every order of every tie group is written out and averaged.

interface Outcome {
  recall: number[];
  rPrecision: number;
  mapAtR: number;
}

export interface NaiveResult {
  expected: Outcome;
  pessimistic: Outcome;
  optimistic: Outcome;
}

/** One query: `relevant[i]` and `scores[i]` of every gallery item but the query. At most 7 items. */
export function naiveQuery(scores: number[], relevant: boolean[], ks: number[]): NaiveResult {
  const outcomes = permutations(scores.map((_, i) => i))
    .filter((order) => order.every((item, at) => at === 0 || scores[order[at - 1]!]! >= scores[item]!))
    .map((order) =>
      outcome(
        order.map((item) => relevant[item]!),
        ks,
      ),
    );
  const pick = (combine: (values: number[]) => number): Outcome => ({
    recall: ks.map((_, i) => combine(outcomes.map((o) => o.recall[i]!))),
    rPrecision: combine(outcomes.map((o) => o.rPrecision)),
    mapAtR: combine(outcomes.map((o) => o.mapAtR)),
  });
  return {
    expected: pick((values) => values.reduce((a, b) => a + b, 0) / values.length),
    pessimistic: pick((values) => Math.min(...values)),
    optimistic: pick((values) => Math.max(...values)),
  };
}

function outcome(ranked: boolean[], ks: number[]): Outcome {
  const total = ranked.filter(Boolean).length;
  let [hits, precisions] = [0, 0];
  ranked.slice(0, total).forEach((hit, at) => {
    if (!hit) return;
    hits++;
    precisions += hits / (at + 1);
  });
  return {
    recall: ks.map((k) => (ranked.slice(0, k).some(Boolean) ? 1 : 0)),
    rPrecision: hits / total,
    mapAtR: precisions / total,
  };
}

function permutations(items: number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

/** All queries of a separate set by sorting the gallery, for scores without ties. `self` is the query's own row, or -1. */
export function naiveRanking(options: {
  scores: (query: number, row: number) => number;
  queryLabels: readonly string[];
  galleryLabels: readonly string[];
  self: readonly number[];
  ks: number[];
}): Outcome {
  const outcomes = options.queryLabels.map((label, q) => {
    const order = options.galleryLabels
      .map((_, row) => row)
      .filter((row) => row !== options.self[q])
      .sort((a, b) => options.scores(q, b) - options.scores(q, a));
    return outcome(
      order.map((row) => options.galleryLabels[row] === label),
      options.ks,
    );
  });
  const mean = (of: (o: Outcome) => number) => outcomes.reduce((sum, o) => sum + of(o), 0) / outcomes.length;
  return {
    recall: options.ks.map((_, i) => mean((o) => o.recall[i]!)),
    rPrecision: mean((o) => o.rPrecision),
    mapAtR: mean((o) => o.mapAtR),
  };
}
