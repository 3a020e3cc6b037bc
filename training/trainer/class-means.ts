// Mean of each class as a head sees it: where class-mean proxies start.

import { normaliseRows } from '../baselines/linear-map.ts';

export interface ClassMeansOptions {
  /** [samples, dimensionIn] */
  readonly features: Float32Array;
  /** [samples] */
  readonly labels: Int32Array;
  readonly classes: number;
  /** [dimensionIn, dimension] */
  readonly head: Float32Array;
  readonly dimensionIn: number;
  readonly dimension: number;
}

/** Unit rows [classes, dimension]: the head is linear, so the mean goes through it instead of every sample. */
export function classMeans(options: ClassMeansOptions): Float32Array {
  const { features, labels, classes, head, dimensionIn, dimension } = options;
  const sums = new Float64Array(classes * dimensionIn);
  for (const [i, label] of labels.entries()) {
    const from = i * dimensionIn;
    const to = label * dimensionIn;
    for (let k = 0; k < dimensionIn; k++) sums[to + k]! += features[from + k]!;
  }
  const means = new Float32Array(classes * dimension);
  const row = new Float64Array(dimension);
  for (let label = 0; label < classes; label++) {
    row.fill(0);
    for (let k = 0; k < dimensionIn; k++) {
      const x = sums[label * dimensionIn + k]!;
      for (let j = 0; j < dimension; j++) row[j]! += x * head[k * dimension + j]!;
    }
    const norm = Math.hypot(...row) || 1;
    for (let j = 0; j < dimension; j++) means[label * dimension + j] = row[j]! / norm;
  }
  return means;
}

/** Unit rows [classes, dimension] of embeddings [labels.length, dimension], without a head between. */
export function meansOf(
  rows: Float32Array,
  labels: Int32Array,
  classes: number,
  dimension: number,
): Float32Array {
  const means = new Float32Array(classes * dimension);
  for (const [i, label] of labels.entries()) {
    for (let d = 0; d < dimension; d++) means[label * dimension + d]! += rows[i * dimension + d]!;
  }
  return normaliseRows(means, dimension);
}
