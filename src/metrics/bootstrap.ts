// Bootstrap interval of a mean over queries. Classes are drawn, not queries: queries of one class are not independent.

import { invalid } from '../errors/error.ts';
import { createRng } from '../math/rng.ts';

export interface BootstrapOptions {
  /** One value per query; NaN (a lone query) is left out. */
  readonly values: Float64Array;
  readonly labels: readonly string[];
  readonly seed: number;
  /** Default 1000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
}

/** Percentile interval [low, high] of the mean (Efron 1979; cluster bootstrap with whole classes as clusters). */
export function bootstrapByClass(options: BootstrapOptions): { low: number; high: number } {
  const { values, labels, seed, resamples = 1000, confidence = 0.95 } = options;
  if (labels.length !== values.length) throw invalid('labels', `${values.length} labels`, labels.length);
  const classes = new Map<string, { sum: number; count: number }>();
  labels.forEach((label, i) => {
    if (Number.isNaN(values[i]!)) return;
    const entry = classes.get(label) ?? { sum: 0, count: 0 };
    entry.sum += values[i]!;
    entry.count++;
    classes.set(label, entry);
  });
  const clusters = [...classes.values()];
  if (clusters.length === 0) throw invalid('values', 'at least one number', values);
  const rng = createRng(seed);
  const means = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    let [sum, count] = [0, 0];
    for (let c = 0; c < clusters.length; c++) {
      const drawn = clusters[rng.int(clusters.length)]!;
      sum += drawn.sum;
      count += drawn.count;
    }
    means[b] = sum / count;
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  const at = (p: number) => means[Math.round(p * (resamples - 1))]!;
  return { low: at(tail), high: at(1 - tail) };
}
