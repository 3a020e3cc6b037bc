// Principal components of the features: the subspace that all heads are fitted in, and the baseline that sees no label.

import { invalid } from '../../src/errors/error.ts';
import { leadingEigen } from './eigen.ts';
import type { LinearMap } from './linear-map.ts';
import type { Matmul } from './matmul.ts';

export interface Pca extends LinearMap {
  /** Variance along each component, descending. */
  readonly variances: Float64Array;
  /** Share of the total variance that the components hold. */
  readonly kept: number;
}

/**
 * `features` is [N, inputs]; `outputs` is 1 to min(inputs, N - 1). Columns of the projection are orthonormal, or scaled
 * to unit variance with `whiten`.
 */
export async function fitPca(options: {
  features: Float32Array;
  inputs: number;
  outputs: number;
  matmul: Matmul;
  whiten?: boolean;
}): Promise<Pca> {
  const { features, inputs, outputs, matmul, whiten = false } = options;
  const rows = features.length / inputs;
  const most = Math.min(inputs, rows - 1);
  if (!(Number.isInteger(outputs) && outputs >= 1 && outputs <= most)) {
    throw invalid('outputs', `1 to ${most} components of ${rows} rows`, outputs);
  }
  const mean = new Float64Array(inputs);
  for (let at = 0; at < features.length; at++) mean[at % inputs]! += features[at]! / rows;
  const centred = Float64Array.from(features, (x, at) => x - mean[at % inputs]!);
  const data = { data: centred, rows, columns: inputs };
  const covariance = (await matmul.multiply({ ...data, transposed: true }, data)).map((x) => x / rows);
  let total = 0;
  for (let i = 0; i < inputs; i++) total += covariance[i * inputs + i]!;
  const { values, vectors } = await leadingEigen({ matrix: covariance, n: inputs, count: outputs, matmul });
  const scale = whiten
    ? values.map((variance) => 1 / Math.sqrt(Math.max(variance, total * 1e-9)))
    : undefined;
  return {
    inputs,
    outputs,
    mean: Float32Array.from(mean),
    projection: Float32Array.from(vectors, (x, at) => x * (scale?.[at % outputs] ?? 1)),
    variances: values,
    kept: values.reduce((sum, x) => sum + x, 0) / total,
  };
}
