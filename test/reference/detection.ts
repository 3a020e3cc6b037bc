// Detection measures straight from their definitions: every pair for AUROC, every order of the ties for AP.

export function naiveAuroc(scores: readonly number[], positives: readonly boolean[]): number {
  let [won, pairs] = [0, 0];
  scores.forEach((p, i) => {
    scores.forEach((n, j) => {
      if (!positives[i] || positives[j]) return;
      pairs++;
      won += p > n ? 1 : p === n ? 0.5 : 0;
    });
  });
  return won / pairs;
}

/** At most 7 items. */
export function naiveAveragePrecision(scores: readonly number[], positives: readonly boolean[]): number {
  const values = orders(scores.map((_, i) => i))
    .filter((order) => order.every((item, at) => at === 0 || scores[order[at - 1]!]! >= scores[item]!))
    .map((order) => {
      const precisions = order.flatMap((item, at) =>
        positives[item] ? [order.slice(0, at + 1).filter((other) => positives[other]).length / (at + 1)] : [],
      );
      return precisions.reduce((sum, x) => sum + x, 0) / precisions.length;
    });
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

function orders(items: number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => orders(items.filter((_, i) => i !== at)).map((rest) => [item, ...rest]));
}
