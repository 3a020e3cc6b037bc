// L2 normalisation of one vector.

import { dot } from './dot.ts';

/**
 * A unit copy of `vector`; undefined where it has no direction (zero, or not finite).
 * The norm is taken in f64, so no finite f32 vector overflows or vanishes.
 */
export function normalised(vector: Float32Array): Float32Array | undefined {
  const norm = Math.sqrt(dot(vector, 0, vector, 0, vector.length));
  if (!(norm > 0 && norm < Number.POSITIVE_INFINITY)) return undefined;
  const unit = new Float32Array(vector.length);
  for (let i = 0; i < unit.length; i++) unit[i] = vector[i] / norm;
  return unit;
}
