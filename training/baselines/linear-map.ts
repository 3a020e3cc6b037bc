// What every closed form and every trained head comes to: embedding = L2((x - mean) P), x being the backbone's
// L2-normalised features. Applying such a map; not fitting one.

import { invalid } from '../../src/errors/error.ts';
import type { Matmul } from './matmul.ts';

export interface LinearMap {
  /** Din. */
  readonly inputs: number;
  /** D. */
  readonly outputs: number;
  /** [Din]. */
  readonly mean: Float32Array;
  /** [Din, D], row-major. */
  readonly projection: Float32Array;
}

/** (x - mean) P for every row of `features` [N, Din]; [N, D], not normalised. */
export async function project(options: {
  map: LinearMap;
  features: Float32Array;
  matmul: Matmul;
}): Promise<Float32Array> {
  const { map, features, matmul } = options;
  const rows = features.length / map.inputs;
  if (!Number.isInteger(rows)) throw invalid('features', `rows of ${map.inputs} values`, features);
  const centred = new Float32Array(features.length);
  for (let at = 0, i = 0; at < features.length; at++, i = i + 1 === map.inputs ? 0 : i + 1) {
    centred[at] = features[at]! - map.mean[i]!;
  }
  return matmul.multiply(
    { data: centred, rows, columns: map.inputs },
    { data: map.projection, rows: map.inputs, columns: map.outputs },
  );
}

/** L2((x - mean) P): the embeddings. A row without direction stays zero. */
export async function embed(options: {
  map: LinearMap;
  features: Float32Array;
  matmul: Matmul;
}): Promise<Float32Array> {
  return normaliseRows(await project(options), options.map.outputs);
}

/** In place; returns its argument. Zero rows stay zero. */
export function normaliseRows(vectors: Float32Array, dimension: number): Float32Array {
  for (let start = 0; start < vectors.length; start += dimension) {
    let square = 0;
    for (let i = start; i < start + dimension; i++) square += vectors[i]! * vectors[i]!;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = start; i < start + dimension; i++) vectors[i]! *= scale;
  }
  return vectors;
}

/** One map on the features from a subspace and a projection [subspace.outputs, outputs] found inside it. */
export async function fold(options: {
  subspace: LinearMap;
  projection: Float32Array;
  outputs: number;
  matmul: Matmul;
}): Promise<LinearMap> {
  const { subspace, projection, outputs, matmul } = options;
  return {
    inputs: subspace.inputs,
    outputs,
    mean: subspace.mean,
    projection: await matmul.multiply(
      { data: subspace.projection, rows: subspace.inputs, columns: subspace.outputs },
      { data: projection, rows: subspace.outputs, columns: outputs },
    ),
  };
}
