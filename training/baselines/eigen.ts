// Leading eigenvectors of a symmetric positive semi-definite matrix: exact up to 640 rows, by randomised subspace
// iteration above (Halko, Martinsson and Tropp 2011, algorithm 4.4 with a Rayleigh-Ritz step).

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { createRng } from '../../src/math/rng.ts';
import type { Matmul } from './matmul.ts';

export interface Eigen {
  /** Descending, length `count`. */
  readonly values: Float64Array;
  /** [n, count], orthonormal columns. */
  readonly vectors: Float64Array;
}

/** Above this an exact decomposition in JavaScript takes minutes, the iteration seconds. */
const EXACT_ROWS = 640;
/** Extra directions and rounds: the captured variance is then within a fraction of a per cent of the best possible. */
const OVERSAMPLE = 48;
const ROUNDS = 8;
const SEED = 20110613;

/** `matrix` is [n, n]; `count` is 1 to n. Deterministic. */
export async function leadingEigen(options: {
  matrix: Float64Array;
  n: number;
  count: number;
  matmul: Matmul;
}): Promise<Eigen> {
  const { matrix, n, count, matmul } = options;
  if (n <= EXACT_ROWS || count + OVERSAMPLE >= n) return exactEigen({ matrix, n, count });
  const width = count + OVERSAMPLE;
  const basis = (data: Float64Array) => ({ data, rows: n, columns: width });
  // Few rows, or many equal ones, make a matrix whose rank is below `width`. Then every direction is lifted a little,
  // which turns no eigenvector and gives the iteration something to hold on to.
  let q = await subspace({ matrix, n, width, matmul });
  if (!(await isOrthonormal(q, { n, width, matmul }))) {
    q = await subspace({ matrix: lifted(matrix, n), n, width, matmul });
  }
  const image = await matmul.multiply({ data: matrix, rows: n, columns: n }, basis(q));
  const small = await matmul.multiply({ ...basis(q), transposed: true }, basis(image));
  const inner = exactEigen({ matrix: small, n: width, count });
  return {
    values: inner.values,
    vectors: await matmul.multiply(basis(q), { data: inner.vectors, rows: width, columns: count }),
  };
}

interface SubspaceShape {
  readonly n: number;
  readonly width: number;
  readonly matmul: Matmul;
}

/** [n, width]: an orthonormal basis near the span of the leading eigenvectors. */
async function subspace({
  matrix,
  ...shape
}: SubspaceShape & { matrix: Float64Array }): Promise<Float64Array> {
  const { n, width, matmul } = shape;
  const rng = createRng(SEED);
  let q: Float64Array = Float64Array.from({ length: n * width }, () => rng.normal());
  for (let round = 0; round < ROUNDS; round++) {
    // Between rounds one pass only keeps the columns apart; the last one has to be orthonormal to the bit.
    const passes = round === ROUNDS - 1 ? 2 : 1;
    const product = await matmul.multiply(
      { data: matrix, rows: n, columns: n },
      { data: q, rows: n, columns: width },
    );
    q = await orthonormal(product, { ...shape, passes });
  }
  return q;
}

async function isOrthonormal(q: Float64Array, { n, width, matmul }: SubspaceShape): Promise<boolean> {
  const operand = { data: q, rows: n, columns: width };
  const gram = await matmul.multiply({ ...operand, transposed: true }, operand);
  return gram.every((x, at) => Math.abs(x - (at % (width + 1) === 0 ? 1 : 0)) < 1e-8);
}

/** matrix + 1e-6 tr(matrix) I. */
function lifted(matrix: Float64Array, n: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += matrix[i * n + i]!;
  return matrix.map((x, at) => (at % (n + 1) === 0 ? x + 1e-6 * trace : x));
}

/** ml-matrix's tridiagonal QL, sorted. */
export function exactEigen(options: { matrix: Float64Array; n: number; count: number }): Eigen {
  const { matrix, n, count } = options;
  const decomposition = new EigenvalueDecomposition(Matrix.from1DArray(n, n, matrix), {
    assumeSymmetric: true,
  });
  const all = decomposition.realEigenvalues;
  const order = all.map((_, i) => i).sort((a, b) => all[b]! - all[a]!);
  const source = decomposition.eigenvectorMatrix;
  const vectors = new Float64Array(n * count);
  for (let j = 0; j < count; j++) {
    for (let i = 0; i < n; i++) vectors[i * count + j] = source.get(i, order[j]!);
  }
  return { values: Float64Array.from({ length: count }, (_, j) => all[order[j]!]!), vectors };
}

/** Cholesky QR; a second pass removes what rounding left in the first (Yamamoto et al. 2015). */
async function orthonormal(
  y: Float64Array,
  options: SubspaceShape & { passes: number },
): Promise<Float64Array> {
  const { n, width, passes, matmul } = options;
  let q = y;
  for (let pass = 0; pass < passes; pass++) {
    const operand = { data: q, rows: n, columns: width };
    const gram = await matmul.multiply({ ...operand, transposed: true }, operand);
    const inverse = inverseCholesky(gram, width);
    q = await matmul.multiply(operand, { data: inverse, rows: width, columns: width, transposed: true });
  }
  return q;
}

/**
 * L^-1 [n, n] of a = L L^T. A pivot that rounding has made non-positive (rank-deficient input) is raised to a tiny one,
 * which leaves a direction of noise instead of a NaN.
 */
export function inverseCholesky(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  let scale = 0;
  for (let i = 0; i < n; i++) scale = Math.max(scale, a[i * n + i]!);
  const tiny = scale * 1e-14 || 1;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, tiny)) : sum / l[j * n + j]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const factor = l[i * n + k]!;
      for (let j = 0; j <= k; j++) inverse[i * n + j]! -= factor * inverse[k * n + j]!;
    }
    const pivot = l[i * n + i]!;
    inverse[i * n + i] = 1;
    for (let j = 0; j <= i; j++) inverse[i * n + j]! /= pivot;
  }
  return inverse;
}
