// Blocks of inner products. The plain loop is the default and the reference; faster providers have the same shape.

import { dot } from '../math/dot.ts';

export interface ScoreRequest {
  /** [rows, dimension]. */
  readonly queries: Float32Array;
  /** [galleryRows, dimension]; the same array in every call of one evaluation. */
  readonly gallery: Float32Array;
  readonly dimension: number;
}

/** Returns [rows, galleryRows], row-major. */
export type ScoreBlock = (request: ScoreRequest) => Float32Array | Promise<Float32Array>;

export function plainScores({ queries, gallery, dimension }: ScoreRequest): Float32Array {
  const rows = queries.length / dimension;
  const columns = gallery.length / dimension;
  const out = new Float32Array(rows * columns);
  for (let q = 0; q < rows; q++) {
    for (let g = 0; g < columns; g++) {
      out[q * columns + g] = dot(queries, q * dimension, gallery, g * dimension, dimension);
    }
  }
  return out;
}
