// Normalisation over channels, rows and batches, softmax, and weights stored in 8 bits.

import { number, positive, range } from '../../../autodiff/rule.ts';
import type { Tensor, Tf } from '../load.ts';
import { type Compute, maps, type Operator, plain, refused, type Step } from '../operator.ts';

/** y = scale (x - mean) / √(var + ε) + bias per channel, which is the last axis of maps and of [batch, channels]. */
const batchNormalization: Compute = (step) => {
  const { tf, node } = step;
  const [x, scale, bias, mean, variance] = step.inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
  if (x.rank !== 4 && x.rank !== 2) throw refused(step, `an input of rank ${x.rank}`);
  const epsilon = number(node, 'epsilon', 1e-5);
  const apply = (middle: Tensor, spread: Tensor) => {
    const factor = tf.div(scale, tf.sqrt(tf.add(spread, epsilon)));
    return tf.add(tf.mul(tf.sub(x, middle), factor), bias);
  };
  if (number(node, 'training_mode', 0) === 0) return apply(mean, variance);
  const axes = range(x.rank - 1);
  const middle = tf.mean(x, axes);
  // Of the batch itself, divided by the count, as ONNX has it.
  const spread = tf.mean(tf.square(tf.sub(x, middle)), axes);
  const momentum = number(node, 'momentum', 0.9);
  const running = (old: Tensor, now: Tensor) => tf.add(tf.mul(old, momentum), tf.mul(now, 1 - momentum));
  return [apply(middle, spread), running(mean, middle), running(variance, spread)];
};

/** Over every map for itself, then scale and bias per channel. */
const instanceNormalization: Compute = (step) => {
  const { tf, node } = step;
  const [x, scale, bias] = step.inputs as [Tensor, Tensor, Tensor];
  if (x.rank !== 4) throw refused(step, `an input of rank ${x.rank}`);
  const middle = tf.sub(x, tf.mean(x, [1, 2], true));
  const spread = tf.mean(tf.square(middle), [1, 2], true);
  const normal = tf.div(middle, tf.sqrt(tf.add(spread, number(node, 'epsilon', 1e-5))));
  return tf.add(tf.mul(normal, scale), bias);
};

/** Over the axes from `axis` on, with scale and bias of these dims. */
const layerNormalization: Compute = (step) => {
  const { tf, node } = step;
  const [x, scale, bias] = step.inputs as [Tensor, Tensor, Tensor | undefined];
  const first = positive(number(node, 'axis', -1), x.rank);
  const axes = range(x.rank).slice(first);
  const mean = tf.mean(x, axes, true);
  const middle = tf.sub(x, mean);
  const spread = tf.mean(tf.square(middle), axes, true);
  const inverse = tf.rsqrt(tf.add(spread, number(node, 'epsilon', 1e-5)));
  const y = tf.mul(tf.mul(middle, inverse), scale);
  return [bias ? tf.add(y, bias) : y, mean, inverse];
};

/** Along one axis, since opset 13; before, along it and all that follow. */
const softmax = (compute: (tf: Tf, x: Tensor) => Tensor): Operator =>
  plain((step) => {
    const { tf, node, opset } = step;
    const x = step.inputs[0]!;
    const axis = positive(number(node, 'axis', opset >= 13 ? -1 : 1), x.rank);
    if (opset < 13) {
      const count = x.shape.slice(axis).reduce((product, size) => product * size, 1);
      return tf.reshape(compute(tf, tf.reshape(x, [-1, count])), x.shape);
    }
    if (axis === x.rank - 1) return compute(tf, x);
    const perm = range(x.rank).map((i) => (i === axis ? x.rank - 1 : i === x.rank - 1 ? axis : i));
    return tf.transpose(compute(tf, tf.transpose(x, perm)), perm);
  });

/** (x - zero point) · scale, with one scale for all or one per position of `axis`. */
const dequantize: Compute = (step: Step) => {
  const { tf, node } = step;
  const [x, scale, zero] = step.inputs as [Tensor, Tensor, Tensor | undefined];
  const axis = positive(number(node, 'axis', 1), x.rank);
  const along = (value: Tensor) =>
    value.size === 1
      ? tf.reshape(value, [])
      : tf.reshape(
          value,
          x.shape.map((size, i) => (i === axis ? size : 1)),
        );
  const whole = zero ? tf.sub(x.toFloat(), along(zero).toFloat()) : x.toFloat();
  return tf.mul(whole, along(scale));
};

export const NORMALISE: Readonly<Record<string, Operator>> = {
  BatchNormalization: maps(batchNormalization),
  DequantizeLinear: plain(dequantize),
  InstanceNormalization: maps(instanceNormalization),
  LayerNormalization: plain(layerNormalization),
  LogSoftmax: softmax((tf, x) => tf.logSoftmax(x)),
  Softmax: softmax((tf, x) => tf.softmax(x)),
};
