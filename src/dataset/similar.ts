// Which classes and which images are alike, by cosine of unit features: what asymmetric and small-cluster noise follow. Not
// a search index: every pair is compared.

import { invalid } from '../errors/error.ts';

export interface LabelledFeatures {
  /** [labels.length, dimension], unit rows. */
  readonly features: Float32Array;
  readonly labels: readonly string[];
  readonly dimension: number;
}

/** For every class the other one whose mean direction is nearest by cosine, the first of equal ones. Classes^2 x dimension steps. */
export function nearestClasses(options: LabelledFeatures): Map<string, string> {
  const { features, labels, dimension } = checked(options);
  const names = [...new Set(labels)];
  const numberOf = new Map(names.map((name, i) => [name, i]));
  const sums = new Float64Array(names.length * dimension);
  for (const [row, label] of labels.entries()) {
    const at = numberOf.get(label)! * dimension;
    for (let d = 0; d < dimension; d++) sums[at + d]! += features[row * dimension + d]!;
  }
  for (let at = 0; at < sums.length; at += dimension) {
    let square = 0;
    for (let d = at; d < at + dimension; d++) square += sums[d]! ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let d = at; d < at + dimension; d++) sums[d]! *= scale;
  }
  const best = new Int32Array(names.length).fill(-1);
  const cosine = new Float64Array(names.length).fill(Number.NEGATIVE_INFINITY);
  const offer = (a: number, b: number, value: number) => {
    // Rounding must not decide between equal classes.
    if (value > cosine[a]! + 1e-12) {
      cosine[a] = value;
      best[a] = b;
    }
  };
  for (let a = 0; a < names.length; a++) {
    for (let b = a + 1; b < names.length; b++) {
      const value = product(sums, a, b, dimension);
      offer(a, b, value);
      offer(b, a, value);
    }
  }
  return new Map(names.flatMap((name, a) => (best[a]! < 0 ? [] : [[name, names[best[a]!]!] as const])));
}

/**
 * Number of each row's cluster within its class: rows in order, each with the row of its class that is nearest to it by
 * cosine and has no partner yet. Half as many clusters as images, rounded up.
 */
export function similarPairs(options: LabelledFeatures): Int32Array {
  const { features, labels, dimension } = checked(options);
  const waiting = new Map<string, Set<number>>();
  for (const [row, label] of labels.entries()) {
    if (!waiting.has(label)) waiting.set(label, new Set());
    waiting.get(label)!.add(row);
  }
  const clusters = new Int32Array(labels.length);
  for (const rows of waiting.values()) {
    let cluster = 0;
    for (const row of rows) {
      rows.delete(row);
      let partner = -1;
      let most = Number.NEGATIVE_INFINITY;
      for (const other of rows) {
        const value = product(features, row, other, dimension);
        if (value > most) [partner, most] = [other, value];
      }
      clusters[row] = cluster;
      if (partner >= 0) clusters[partner] = cluster;
      rows.delete(partner);
      cluster++;
    }
  }
  return clusters;
}

function checked(options: LabelledFeatures): LabelledFeatures {
  const { features, labels, dimension } = options;
  if (features.length !== labels.length * dimension) {
    throw invalid('features', `${labels.length * dimension} numbers`, features.length);
  }
  return options;
}

function product(rows: Float32Array | Float64Array, a: number, b: number, dimension: number): number {
  let sum = 0;
  for (let d = 0; d < dimension; d++) sum += rows[a * dimension + d]! * rows[b * dimension + d]!;
  return sum;
}
