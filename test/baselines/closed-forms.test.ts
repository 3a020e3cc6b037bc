import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { afterAll, describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { evaluateRetrieval } from '../../src/metrics/retrieval.ts';
import { plainScores } from '../../src/metrics/scores.ts';
import { classScatter, fitLda, fitWithinClassWhitening } from '../../training/baselines/discriminant.ts';
import { exactEigen, inverseCholesky, leadingEigen } from '../../training/baselines/eigen.ts';
import { embed, fold, normaliseRows, project } from '../../training/baselines/linear-map.ts';
import { createMatmul } from '../../training/baselines/matmul.ts';
import { fitPca } from '../../training/baselines/pca.ts';

const matmul = createMatmul();
afterAll(() => matmul.release());

const rng = createRng(11);
const normals = (length: number) => Float32Array.from({ length }, () => rng.normal());

/** 30 classes of 12 in 24 dimensions: means differ in 6 of them, the other 18 are loud noise. */
function clusters() {
  const [classes, each, dimension] = [30, 12, 24];
  const means = normals(classes * dimension).map((x, at) => (at % dimension < 6 ? x : 0));
  const labels = Array.from({ length: classes * each }, (_, i) => `c${i % classes}`);
  const features = normals(classes * each * dimension).map((x, at) => {
    const column = at % dimension;
    const row = Math.floor(at / dimension);
    return means[(row % classes) * dimension + column]! + x * (column < 6 ? 0.4 : 2);
  });
  return { labels, features, dimension };
}

describe('createMatmul', () => {
  it('multiplies in both precisions, with either operand transposed', async () => {
    const [m, k, n] = [5, 7, 3];
    const a = normals(m * k);
    const b = normals(k * n);
    const expected = new Matrix(m, k).mmul(new Matrix(k, n));
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[p * n + j]!;
        expected.set(i, j, sum);
      }
    }
    const transpose = (x: Float32Array, rows: number, columns: number) =>
      x.map((_, at) => x[(at % rows) * columns + Math.floor(at / rows)]!);
    for (const [ta, tb] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const left = ta ? transpose(a, m, k) : a;
      const right = tb ? transpose(b, k, n) : b;
      for (const kind of [Float32Array, Float64Array]) {
        const product = await matmul.multiply<Float32Array | Float64Array>(
          { data: kind.from(left), rows: ta ? k : m, columns: ta ? m : k, transposed: ta },
          { data: kind.from(right), rows: tb ? n : k, columns: tb ? k : n, transposed: tb },
        );
        expect(product).toBeInstanceOf(kind);
        expected.to1DArray().forEach((x, at) => {
          expect(product[at]).toBeCloseTo(x, 5);
        });
      }
    }
  });

  it('scores as the plain kernel does', async () => {
    const request = { queries: normals(3 * 17), gallery: normals(5 * 17), dimension: 17 };
    const plain = plainScores(request);
    (await matmul.scores(request)).forEach((x, at) => {
      expect(x).toBeCloseTo(plain[at]!, 4);
    });
  });
});

describe('leadingEigen', () => {
  it('finds the leading subspace of a large matrix as the exact decomposition does', async () => {
    const [n, count] = [700, 40];
    // Orthonormal columns times a slowly falling spectrum: known exactly, and as flat as image features are.
    const q = new QrDecomposition(Matrix.from1DArray(n, 200, Float64Array.from(normals(n * 200))))
      .orthogonalMatrix;
    const values = Float64Array.from({ length: 200 }, (_, i) => 1 / (1 + i));
    const scaled = q.clone().mulRowVector([...values]);
    const matrix = Float64Array.from(scaled.mmul(q.transpose()).to1DArray());
    const found = await leadingEigen({ matrix, n, count, matmul });
    for (let j = 0; j < count; j++) expect(Math.abs(found.values[j]! / values[j]! - 1)).toBeLessThan(1e-4);
    for (let j = 0; j < 10; j++) {
      let along = 0;
      for (let i = 0; i < n; i++) along += found.vectors[i * count + j]! * q.get(i, j);
      expect(Math.abs(along)).toBeGreaterThan(1 - 1e-8);
    }
  });

  it.each([
    ['fewer rows than columns', 90],
    ['many rows, few of them different', 1500],
  ])('finds every component of rank-deficient features: %s', async (_, rows) => {
    const [inputs, different, outputs] = [700, 60, 59];
    const some = normals(different * inputs);
    const features = new Float32Array(rows * inputs);
    for (let i = 0; i < rows; i++) {
      const from = (i % different) * inputs;
      features.set(some.subarray(from, from + inputs), i * inputs);
    }
    const pca = await fitPca({ features, inputs, outputs, matmul });
    expect(pca.kept).toBeCloseTo(1, 6);
    for (let a = 0; a < outputs; a++) {
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let i = 0; i < inputs; i++) {
          dot += pca.projection[i * outputs + a]! * pca.projection[i * outputs + b]!;
        }
        expect(Math.abs(dot - Number(a === b))).toBeLessThan(1e-5);
      }
    }
  });

  it('agrees with ml-matrix on a small one', async () => {
    const [n, count] = [60, 7];
    const half = Matrix.from1DArray(n, n, Float64Array.from(normals(n * n)));
    const symmetric = half.mmul(half.transpose());
    const exact = new EigenvalueDecomposition(symmetric).realEigenvalues.sort((a, b) => b - a);
    const matrix = Float64Array.from(symmetric.to1DArray());
    for (const found of [
      await leadingEigen({ matrix, n, count, matmul }),
      exactEigen({ matrix, n, count }),
    ]) {
      found.values.forEach((value, j) => {
        expect(value).toBeCloseTo(exact[j]!, 8);
      });
    }
  });

  it('inverts the Cholesky factor, and survives a matrix without full rank', () => {
    const a = Float64Array.of(4, 2, 2, 10);
    expect([...inverseCholesky(a, 2)]).toEqual([0.5, 0, -1 / 6, 1 / 3]);
    expect(inverseCholesky(Float64Array.of(1, 1, 1, 1), 2).every(Number.isFinite)).toBe(true);
  });
});

describe('fitPca', () => {
  it('diagonalises the covariance, whitened or not', async () => {
    const { features, dimension } = clusters();
    for (const whiten of [false, true]) {
      const pca = await fitPca({ features, inputs: dimension, outputs: 10, matmul, whiten });
      const z = await project({ map: pca, features, matmul });
      const rows = features.length / dimension;
      for (let i = 0; i < 10; i++) {
        for (let j = 0; j < 10; j++) {
          let sum = 0;
          for (let r = 0; r < rows; r++) sum += (z[r * 10 + i]! * z[r * 10 + j]!) / rows;
          expect(sum).toBeCloseTo(i !== j ? 0 : whiten ? 1 : pca.variances[i]!, 4);
        }
      }
      expect(pca.kept).toBeGreaterThan(0.4);
      expect(pca.kept).toBeLessThan(1);
    }
    const all = await fitPca({ features, inputs: dimension, outputs: dimension, matmul });
    expect(all.kept).toBeCloseTo(1, 10);
  });

  it('refuses more components than there can be', async () => {
    const fit = fitPca({ features: normals(3 * 8), inputs: 8, outputs: 3, matmul });
    await expect(fit).rejects.toThrow(/outputs: expected 1 to 2 components of 3 rows/);
  });
});

describe('discriminants', () => {
  it('solve the generalised eigenproblem: within-class spread 1, between-class spread diagonal and falling', async () => {
    const { features, labels, dimension } = clusters();
    const pca = await fitPca({ features, inputs: dimension, outputs: dimension, matmul });
    const z = await project({ map: pca, features, matmul });
    const scatter = await classScatter({ rows: z, dimension, labels, matmul });
    const w = Matrix.from1DArray(
      dimension,
      8,
      Float64Array.from(await fitLda({ scatter, outputs: 8, shrinkage: 0, matmul })),
    );
    const quadratic = (s: Float64Array) =>
      w
        .transpose()
        .mmul(Matrix.from1DArray(dimension, dimension, s))
        .mmul(w);
    const within = quadratic(scatter.within);
    const between = quadratic(scatter.between);
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        expect(within.get(i, j)).toBeCloseTo(i === j ? 1 : 0, 4);
        if (i !== j) expect(between.get(i, j)).toBeCloseTo(0, 3);
      }
      if (i > 0) expect(between.get(i, i)).toBeLessThan(between.get(i - 1, i - 1));
    }
    const whitening = Matrix.from1DArray(
      dimension,
      dimension,
      Float64Array.from(fitWithinClassWhitening({ scatter, shrinkage: 0 })),
    );
    const identity = whitening
      .transpose()
      .mmul(Matrix.from1DArray(dimension, dimension, scatter.within))
      .mmul(whitening);
    expect(identity.sub(Matrix.eye(dimension)).norm()).toBeLessThan(1e-3);
  });

  it('finds the directions that PCA drowns in noise, and folds them onto the features', async () => {
    const { features, labels, dimension } = clusters();
    const score = async (vectors: Float32Array, d: number) =>
      (await evaluateRetrieval({ dimension: d, queries: { vectors, labels } })).mapAtR.value;
    const pca = await fitPca({ features, inputs: dimension, outputs: dimension, matmul });
    const z = await project({ map: pca, features, matmul });
    const scatter = await classScatter({ rows: z, dimension, labels, matmul });
    const projection = await fitLda({ scatter, outputs: 6, shrinkage: 0.1, matmul });
    const folded = await fold({ subspace: pca, projection, outputs: 6, matmul });
    const direct = await embed({ map: folded, features, matmul });
    const twice = normaliseRows(
      await matmul.multiply(
        { data: z, rows: labels.length, columns: dimension },
        { data: projection, rows: dimension, columns: 6 },
      ),
      6,
    );
    direct.forEach((x, at) => {
      expect(x).toBeCloseTo(twice[at]!, 4);
    });
    const six = await fitPca({ features, inputs: dimension, outputs: 6, matmul });
    const unlabelled = await score(await embed({ map: six, features, matmul }), 6);
    expect(await score(direct, 6)).toBeGreaterThan(unlabelled + 0.3);
  });

  it('fill every column where unseen classes may differ anywhere, each scaled by how far a class mean is known there', async () => {
    const [dimension, shrinkage, spread, damping] = [10, 0.3, 0.2, 0.5];
    const labels = Array.from({ length: 40 }, (_, i) => `c${i % 4}`);
    const scatter = await classScatter({ rows: normals(40 * dimension), dimension, labels, matmul });
    const matrix = (data: ArrayLike<number>) =>
      Matrix.from1DArray(dimension, dimension, [...Array.from(data)]);
    const ridged = (covariance: Float64Array, part: number) => {
      const m = matrix(covariance);
      return m.clone().add(Matrix.eye(dimension).mul((part * m.trace()) / dimension));
    };
    const [within, between] = [ridged(scatter.within, shrinkage), ridged(scatter.between, spread)];
    const fitted = await fitLda({ scatter, outputs: dimension, shrinkage, spread, damping, matmul });
    const w = matrix(fitted);
    const quadratic = (m: Matrix) => w.transpose().mmul(m).mmul(w);
    const [ofWithin, ofBetween] = [quadratic(within), quadratic(between)];
    for (let i = 0; i < dimension; i++) {
      const b = ofBetween.get(i, i) / ofWithin.get(i, i);
      expect(ofWithin.get(i, i)).toBeCloseTo(b / (b + damping), 5);
      for (let j = 0; j < i; j++) {
        expect(ofWithin.get(i, j)).toBeCloseTo(0, 5);
        expect(ofBetween.get(i, j)).toBeCloseTo(0, 5);
      }
      if (i > 0) expect(ofWithin.get(i, i)).toBeLessThan(ofWithin.get(i - 1, i - 1));
    }
    const shorter = await fitLda({ scatter, outputs: 6, shrinkage, spread, damping, matmul });
    for (let j = 0; j < 6; j++)
      for (let i = 0; i < dimension; i++) expect(shorter[i * 6 + j]).toBeCloseTo(w.get(i, j), 6);
  });

  it('leaves columns zero where class means cannot differ', async () => {
    const rows = normals(40 * 10);
    const labels = Array.from({ length: 40 }, (_, i) => `c${i % 4}`);
    const scatter = await classScatter({ rows, dimension: 10, labels, matmul });
    const projection = await fitLda({ scatter, outputs: 6, shrinkage: 0.3, matmul });
    for (let j = 0; j < 6; j++) {
      const column = Array.from({ length: 10 }, (_, i) => projection[i * 6 + j]!);
      expect(column.some((x) => x !== 0)).toBe(j < 3);
    }
  });
});
