// A tensor that no gradient goes back through.

import type { Tensor, Tf } from './load.ts';

/**
 * The same numbers as a tensor of its own that the tape does not know. TensorFlow.js has no such operator: comparisons and
 * roundings, which it has no gradients for, would otherwise stop a gradient from being taken at all.
 */
export function detached(tf: Tf, x: Tensor): Tensor {
  tf.backend().incRef(x.dataId);
  return tf.engine().makeTensorFromTensorInfo(x);
}
