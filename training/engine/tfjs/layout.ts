// Feature maps between ONNX's order of axes [batch, channels, height, width] and TensorFlow.js's [batch, height, width, channels]. A
// value stays as the last operator left it until one needs the other order.

import type { Tensor, Tf } from './load.ts';

export interface Value {
  readonly tensor: Tensor;
  /** True: [batch, height, width, channels]. */
  readonly channelsLast: boolean;
}

export const inOnnxOrder = (tf: Tf, { tensor, channelsLast }: Value): Tensor =>
  channelsLast ? tf.transpose(tensor, [0, 3, 1, 2]) : tensor;

/** Channels last. A value of lower rank, as it is broadcast, gets leading axes first; a scalar stays one. */
export function asMaps(tf: Tf, { tensor, channelsLast }: Value): Tensor {
  if (channelsLast || tensor.size === 1) return tensor;
  const four =
    tensor.rank === 4
      ? tensor
      : tf.reshape(tensor, [...Array<number>(4 - tensor.rank).fill(1), ...tensor.shape]);
  return four.shape[1] === 1 && four.shape[2] === 1 && four.shape[3] === 1
    ? four
    : tf.transpose(four, [0, 2, 3, 1]);
}
