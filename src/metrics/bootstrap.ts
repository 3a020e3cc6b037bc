// Bootstrap intervals over queries: of one mean, and of the difference of two methods on the same queries. Classes are
// drawn, not queries: queries of one class are not independent.

import { invalid, refuseUnknown } from '../errors/error.ts';
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
  refuseUnknown(options, ['values', 'labels', 'seed', 'resamples', 'confidence'], 'bootstrapByClass');
  if (labels.length !== values.length) throw invalid('labels', `${values.length} labels`, labels.length);
  const means = resampledMeans(values, labels, seed, resamples);
  return interval(means, confidence);
}

export interface PairedBootstrapOptions {
  /** One value per query and method, the same queries in the same order; NaN on both sides (lone) is left out. */
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** Class of each query: whole classes are drawn. */
  readonly classes: ArrayLike<string | number>;
  readonly seed: number;
  /** Default 2000. */
  readonly rounds?: number;
  /** Default 0.95. */
  readonly confidence?: number;
}

export interface PairedBootstrap {
  /** mean(a) - mean(b) over the scored queries. */
  readonly difference: number;
  /** Percentile interval of the difference. */
  readonly low: number;
  readonly high: number;
  /** Share of rounds in which a was better, rounds of exact equality counted by half. */
  readonly probabilityAbove0: number;
}

/**
 * Is a better than b, and how surely? Resamples classes, the same ones for both methods, so what makes a class easy or
 * hard for both cancels. Throws `invalid_argument` where lengths differ, where one side alone is NaN (the methods were
 * not scored on the same queries), or where nothing is scored.
 */
export function pairedBootstrap(options: PairedBootstrapOptions): PairedBootstrap {
  refuseUnknown(options, ['a', 'b', 'classes', 'seed', 'rounds', 'confidence'], 'pairedBootstrap');
  const { a, b, classes, seed, rounds = 2000, confidence = 0.95 } = options;
  if (b.length !== a.length) throw invalid('b', `${a.length} values, one per query as in a`, b.length);
  if (classes.length !== a.length)
    throw invalid('classes', `${a.length} classes, one per query`, classes.length);
  const differences = new Float64Array(a.length);
  let [sum, count] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) !== Number.isNaN(b[i])) {
      throw invalid(`b[${i}]`, 'NaN exactly where a is NaN', b[i]);
    }
    differences[i] = a[i]! - b[i]!;
    if (Number.isNaN(differences[i])) continue;
    sum += differences[i]!;
    count++;
  }
  const means = resampledMeans(differences, classes, seed, rounds);
  let above = 0;
  for (const mean of means) above += mean > 0 ? 1 : mean === 0 ? 0.5 : 0;
  return { difference: sum / count, ...interval(means, confidence), probabilityAbove0: above / rounds };
}

/** Ascending. */
function resampledMeans(
  values: ArrayLike<number>,
  classes: ArrayLike<string | number>,
  seed: number,
  rounds: number,
): Float64Array {
  if (!Number.isInteger(rounds) || rounds < 1)
    throw invalid('rounds', 'a whole number of at least 1', rounds);
  const index = new Map<string | number, number>();
  const sums: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    let at = index.get(classes[i]!);
    if (at === undefined) {
      at = sums.push(0) - 1;
      counts.push(0);
      index.set(classes[i]!, at);
    }
    sums[at]! += values[i]!;
    counts[at]!++;
  }
  if (sums.length === 0) throw invalid('values', 'at least one number', values);
  const rng = createRng(seed);
  const means = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    let [sum, count] = [0, 0];
    for (let c = 0; c < sums.length; c++) {
      const drawn = rng.int(sums.length);
      sum += sums[drawn]!;
      count += counts[drawn]!;
    }
    means[round] = sum / count;
  }
  return means.sort();
}

function interval(sorted: Float64Array, confidence: number): { low: number; high: number } {
  if (!(confidence > 0 && confidence < 1))
    throw invalid('confidence', 'a number between 0 and 1', confidence);
  const tail = (1 - confidence) / 2;
  const at = (p: number) => sorted[Math.round(p * (sorted.length - 1))]!;
  return { low: at(tail), high: at(1 - tail) };
}
