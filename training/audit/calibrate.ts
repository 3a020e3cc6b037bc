// From scores to probabilities without knowing the noise rate: how often a label is wrong at a score, judged against labels drawn
// at random. Statistics only; no fields and no classes.

/**
 * Isotonic regression (pool adjacent violators): the non-decreasing sequence nearest to `values`, which are in the order of
 * their scores, by least squares.
 */
export function isotonic(values: ArrayLike<number>): Float64Array {
  const means: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < values.length; i++) {
    let mean = values[i]!;
    let count = 1;
    while (means.length > 0 && means.at(-1)! >= mean) {
      const [before, size] = [means.pop()!, counts.pop()!];
      mean = (mean * count + before * size) / (count + size);
      count += size;
    }
    means.push(mean);
    counts.push(count);
  }
  const fitted = new Float64Array(values.length);
  let at = 0;
  means.forEach((mean, i) => {
    fitted.fill(mean, at, at + counts[i]!);
    at += counts[i]!;
  });
  return fitted;
}

/**
 * Part of the labels that are as good as random: how much of the observed labels scores below the median of the random ones, by how
 * much of those does. Right labels that score as low only raise it (Storey 2002, lambda 1/2). The least such ratio over many
 * thresholds is told by the few labels at the end of the scale, and half the rate makes the probability of what is surely wrong a half.
 */
export function noiseRate(scores: ArrayLike<number>, random: ArrayLike<number>): number {
  const median = Float64Array.from(random).sort()[random.length >> 1]!;
  const below = (some: ArrayLike<number>) =>
    Array.from(some).filter((score) => score <= median).length / some.length;
  return Math.min(1, below(scores) / below(random));
}

/**
 * For every label the probability that it is random: rate · f0(score) / f(score), with the densities' ratio read off an
 * isotonic fit that tells random from observed labels (local false discovery rate, Efron 2001). Falls as scores rise.
 */
export function wrongProbability(scores: ArrayLike<number>, random: ArrayLike<number>): Float64Array {
  const rate = noiseRate(scores, random);
  const n = scores.length;
  const score = (i: number) => (i < n ? scores[i]! : random[i - n]!);
  // Highest score first; among equals the random ones first, which errs on the side of the label.
  const order = Int32Array.from({ length: n + random.length }, (_, i) => i);
  order.sort((a, b) => score(b) - score(a) || b - a);
  const fitted = isotonic(Float64Array.from(order, (i) => Number(i >= n)));
  const wrong = new Float64Array(n);
  order.forEach((i, at) => {
    const p = fitted[at]!;
    if (i < n) wrong[i] = p < 1 ? Math.min(1, (rate * p * n) / ((1 - p) * random.length)) : 1;
  });
  return wrong;
}

/**
 * For every guess the probability that it is right: how often guesses of such a margin agree with the labels, of which a
 * part `rate` is random. Rises with the margin.
 */
export function rightProbability(
  margins: ArrayLike<number>,
  agrees: ArrayLike<boolean>,
  rate: number,
): Float64Array {
  const order = Int32Array.from({ length: margins.length }, (_, i) => i);
  order.sort((a, b) => margins[a]! - margins[b]! || a - b);
  const fitted = isotonic(Float64Array.from(order, (i) => Number(agrees[i]!)));
  const right = new Float64Array(margins.length);
  order.forEach((i, at) => {
    right[i] = Math.min(1, fitted[at]! / Math.max(1 - rate, 1e-6));
  });
  return right;
}
