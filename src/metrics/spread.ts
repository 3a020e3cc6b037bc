// Sums over rows of vectors: unit rows and their sum, the covariance or the Gram matrix, whichever is smaller. Arithmetic
// for collapse.ts; no verdicts.

/** Products that the second moment may take: about half a second of plain JavaScript. */
const MOST_PRODUCTS = 2e8;
const LEAST_ROWS = 1000;

/** The rows that have a direction, scaled to unit length, and their sum [dimension]. */
export function unitRows(
  vectors: Float32Array,
  dimension: number,
): { rows: Float32Array; sum: Float64Array; count: number; bad: number } {
  const total = vectors.length / dimension;
  const rows = new Float32Array(vectors.length);
  const sum = new Float64Array(dimension);
  let count = 0;
  for (let row = 0; row < total; row++) {
    let square = 0;
    for (let j = 0; j < dimension; j++) square += vectors[row * dimension + j]! ** 2;
    if (!(square > 0 && Number.isFinite(square))) continue;
    const scale = 1 / Math.sqrt(square);
    for (let j = 0; j < dimension; j++) {
      const x = vectors[row * dimension + j]! * scale;
      rows[count * dimension + j] = x;
      sum[j]! += x;
    }
    count++;
  }
  return { rows: rows.subarray(0, count * dimension), sum, count, bad: total - count };
}

/** Evenly spaced rows, as many as the budget of products allows; all of them where they fit. */
export function evenRows(rows: Float32Array, dimension: number): Float32Array {
  const count = rows.length / dimension;
  const kept = Math.max(LEAST_ROWS, Math.floor((2 * MOST_PRODUCTS) / dimension ** 2));
  if (count <= kept) return rows;
  const out = new Float32Array(kept * dimension);
  for (let i = 0; i < kept; i++) {
    const row = Math.floor((i * count) / kept);
    out.set(rows.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  }
  return out;
}

/**
 * Of the rows less their mean: X^T X [dimension, dimension] or, where there are fewer rows, X X^T [rows, rows], which has
 * the same spectrum but for zeros. `variances` is the mean square of each dimension.
 */
export function centredSecondMoment(
  rows: Float32Array,
  dimension: number,
): { moment: Float64Array; size: number; variances: Float64Array } {
  const count = rows.length / dimension;
  const centred = Float64Array.from(rows);
  const variances = new Float64Array(dimension);
  for (let j = 0; j < dimension; j++) {
    let mean = 0;
    for (let row = 0; row < count; row++) mean += rows[row * dimension + j]! / count;
    for (let at = j; at < centred.length; at += dimension) {
      centred[at]! -= mean;
      variances[j]! += centred[at]! ** 2 / count;
    }
  }
  const size = Math.min(count, dimension);
  const moment = new Float64Array(size * size);
  // One row at a time over a triangle for the covariance, inner products for the Gram matrix: both run along memory.
  if (size === dimension) {
    for (let row = 0; row < count; row++) {
      const at = row * dimension;
      for (let i = 0; i < dimension; i++) {
        const x = centred[at + i]!;
        for (let j = 0; j <= i; j++) moment[i * size + j]! += x * centred[at + j]!;
      }
    }
  } else {
    for (let a = 0; a < size; a++) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let j = 0; j < dimension; j++)
          product += centred[a * dimension + j]! * centred[b * dimension + j]!;
        moment[a * size + b] = product;
      }
    }
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) moment[j * size + i] = moment[i * size + j]!;
  return { moment, size, variances };
}
