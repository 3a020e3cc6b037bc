// Spread of embeddings straight from the definitions: every pair of rows, and moments by double loops in f64.

export function naiveMeanCosine(rows: readonly (readonly number[])[]): number {
  let [sum, pairs] = [0, 0];
  rows.forEach((a, i) => {
    rows.forEach((b, j) => {
      if (i === j) return;
      sum += inner(a, b) / Math.sqrt(inner(a, a) * inner(b, b));
      pairs++;
    });
  });
  return sum / pairs;
}

/** (tr C)^2 / tr C^2 of the covariance of the unit rows. */
export function naiveParticipationRatio(rows: readonly (readonly number[])[]): number {
  const unit = rows.map((row) => row.map((x) => x / Math.sqrt(inner(row, row))));
  const mean = unit[0]!.map((_, j) => unit.reduce((sum, row) => sum + row[j]!, 0) / unit.length);
  const covariance = mean.map((_, i) =>
    mean.map((_, j) =>
      unit.reduce((sum, row) => sum + ((row[i]! - mean[i]!) * (row[j]! - mean[j]!)) / unit.length, 0),
    ),
  );
  const trace = covariance.reduce((sum, row, i) => sum + row[i]!, 0);
  return trace ** 2 / covariance.flat().reduce((sum, x) => sum + x * x, 0);
}

const inner = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
