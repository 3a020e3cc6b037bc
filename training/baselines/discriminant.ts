// Closed forms that use the labels: linear discriminant analysis (Fisher 1936, Rao 1948) and within-class whitening. Both
// work in a PCA subspace, on centred rows; fold (linear-map.ts) brings them back onto the features.

import { invalid } from '../../src/errors/error.ts';
import { exactEigen, inverseCholesky } from './eigen.ts';
import type { Matmul } from './matmul.ts';

export interface Scatter {
  readonly dimension: number;
  /** Covariance within classes and of the class means, [dimension, dimension]. */
  readonly within: Float64Array;
  readonly between: Float64Array;
  /** Directions in which class means can differ at all: classes - 1, at most the dimension. */
  readonly rank: number;
}

/** `rows` is [N, dimension] with mean zero. */
export async function classScatter(options: {
  rows: Float32Array;
  dimension: number;
  labels: readonly string[];
  matmul: Matmul;
}): Promise<Scatter> {
  const { rows, dimension, labels, matmul } = options;
  const count = labels.length;
  if (rows.length !== count * dimension) throw invalid('rows', `${count} x ${dimension} values`, rows);
  const classOf = new Map<string, number>();
  for (const label of labels) if (!classOf.has(label)) classOf.set(label, classOf.size);
  if (classOf.size < 2) throw invalid('labels', 'at least two classes', classOf.size);
  // Row c becomes sqrt(n_c) times the mean of class c, so that its square sums are weighted by class size.
  const means = new Float64Array(classOf.size * dimension);
  const sizes = new Float64Array(classOf.size);
  labels.forEach((label, i) => {
    const c = classOf.get(label)!;
    sizes[c]!++;
    for (let d = 0; d < dimension; d++) means[c * dimension + d]! += rows[i * dimension + d]!;
  });
  for (let at = 0; at < means.length; at++) means[at]! /= Math.sqrt(sizes[Math.floor(at / dimension)]!);
  const gram = async (data: Float64Array, height: number) => {
    const operand = { data, rows: height, columns: dimension };
    return (await matmul.multiply({ ...operand, transposed: true }, operand)).map((x) => x / count);
  };
  const between = await gram(means, classOf.size);
  const total = await gram(Float64Array.from(rows), count);
  return {
    dimension,
    within: total.map((x, at) => x - between[at]!),
    between,
    rank: Math.min(dimension, classOf.size - 1),
  };
}

/**
 * [dimension, outputs]: the directions that spread the class means most against the spread within classes, which they
 * scale to 1. `shrinkage` s >= 0 regularises the latter, Sw + s tr(Sw)/d I, and `spread` t >= 0 (default 0) what the means
 * of the classes seen tell of those unseen: Sb + t tr(Sb)/d I. Without it columns beyond the scatter's rank are zero: there the
 * means of these few classes do not differ. `damping` k >= 0 (default 0) scales a column by sqrt(b / (b + k)), b its spread of means:
 * by how far the class mean of 1 / k samples is known there, as in probabilistic LDA (Ioffe 2006).
 */
export async function fitLda(options: {
  scatter: Scatter;
  outputs: number;
  shrinkage: number;
  spread?: number;
  damping?: number;
  matmul: Matmul;
}): Promise<Float32Array> {
  const { scatter, outputs, shrinkage, spread = 0, damping = 0, matmul } = options;
  const { dimension, rank } = scatter;
  const { inverse, values, vectors } = await solved({ scatter, shrinkage, spread, matmul });
  const count = Math.min(outputs, spread > 0 ? dimension : rank);
  const leading = new Float64Array(dimension * count);
  for (let i = 0; i < dimension; i++) {
    for (let j = 0; j < count; j++) leading[i * count + j] = vectors[i * dimension + j]!;
  }
  const directions = await matmul.multiply(
    { data: inverse, rows: dimension, columns: dimension, transposed: true },
    { data: leading, rows: dimension, columns: count },
  );
  const scale = values.map((b) => (damping === 0 ? 1 : Math.sqrt(b / (b + damping))));
  const projection = new Float32Array(dimension * outputs);
  for (let i = 0; i < dimension; i++) {
    for (let j = 0; j < count; j++) projection[i * outputs + j] = directions[i * count + j]! * scale[j]!;
  }
  return projection;
}

interface Solved {
  /** The whitener. */
  readonly inverse: Float64Array;
  /** Spread of the class means along each of `vectors`, [dimension, dimension], in the whitened space. */
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

interface Ridges {
  readonly scatter: Scatter;
  readonly shrinkage: number;
  readonly spread: number;
  readonly matmul: Matmul;
}

/** Two seconds each at 512: a race asks for LDA, for PLDA, and for the start of every head of one scatter. */
const SOLVED = new WeakMap<Scatter, Map<string, Promise<Solved>>>();

function solved(options: Ridges): Promise<Solved> {
  const { scatter, shrinkage, spread } = options;
  const known = SOLVED.get(scatter) ?? new Map<string, Promise<Solved>>();
  SOLVED.set(scatter, known);
  const key = `${shrinkage} ${spread}`;
  const solution = known.get(key) ?? solve(options);
  known.set(key, solution);
  return solution;
}

async function solve({ scatter, shrinkage, spread, matmul }: Ridges): Promise<Solved> {
  const { dimension: n } = scatter;
  const side = (data: Float64Array, transposed = false) => ({ data, rows: n, columns: n, transposed });
  const inverse = whitener(scatter, shrinkage);
  const half = await matmul.multiply(side(inverse), side(ridged(scatter.between, n, spread)));
  const matrix = await matmul.multiply(side(half), side(inverse, true));
  return { inverse, ...exactEigen({ matrix, n, count: n }) };
}

/** [dimension, dimension]: makes the shrunk covariance within classes the identity. Keeps every direction. */
export function fitWithinClassWhitening(options: { scatter: Scatter; shrinkage: number }): Float32Array {
  const { dimension } = options.scatter;
  const inverse = whitener(options.scatter, options.shrinkage);
  const projection = new Float32Array(dimension * dimension);
  for (let i = 0; i < dimension; i++) {
    for (let j = 0; j < dimension; j++) projection[j * dimension + i] = inverse[i * dimension + j]!;
  }
  return projection;
}

/** L^-1 of the shrunk within-class covariance L L^T. */
function whitener(scatter: Scatter, shrinkage: number): Float64Array {
  if (!(shrinkage >= 0)) throw invalid('shrinkage', 'a number of 0 or more', shrinkage);
  const { dimension: n, within } = scatter;
  return inverseCholesky(ridged(within, n, shrinkage), n);
}

/** With so many times its mean variance added to the variance of each direction. */
function ridged(covariance: Float64Array, n: number, part: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i]!;
  const sum = covariance.slice();
  for (let i = 0; i < n; i++) sum[i * n + i]! += (part * trace) / n;
  return sum;
}
