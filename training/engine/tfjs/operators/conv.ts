// Convolutions of [batch, height, width, channels]: dense, grouped, depthwise, dilated, transposed. Borders are padded first, so that
// every convolution that TensorFlow.js sees is a plain one over the whole of its input.

import { ints, number } from '../../../autodiff/rule.ts';
import { windows } from '../../../autodiff/window.ts';
import type { Tensor } from '../load.ts';
import { type Compute, differentiable, maps, type Operator, refused, type Step } from '../operator.ts';
import { apart, eachTap, type Grid, type Pair } from '../taps.ts';
import { padded } from './shape.ts';

type Images = import('@tensorflow/tfjs').Tensor4D;

/** Weights [height, width, in, out] or for depthwise ones [height, width, channels, multiplier]. */
interface Kernel {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly strides: Pair;
  /** Whether gradients of `x` and `w` are wanted. */
  readonly active: readonly boolean[];
}

const gridOf = ({ x, w, strides }: Kernel): Grid => {
  const kernel = [w.shape[0]!, w.shape[1]!] as const;
  const output = [0, 1].map((i) => Math.floor((x.shape[i + 1]! - kernel[i]!) / strides[i]!) + 1);
  return { kernel, strides, output: output as unknown as Pair };
};

/** Zeros between and around: over this, a flipped kernel gives the gradient by the input. */
function around({ tf }: Step, x: Tensor, grid: Grid): Tensor {
  const spread = apart(tf, x, grid.strides);
  const border = [0, grid.kernel[0] - 1, grid.kernel[1] - 1, 0];
  return padded(tf, spread, border, border);
}

const valid = ({ tf }: Step, x: Tensor, w: Tensor, strides: Pair): Tensor =>
  tf.conv2d(x as Images, w as Images, [...strides], 'valid');

/** Input and output planes of weights exchanged, the kernel turned round. */
const flipped = ({ tf }: Step, w: Tensor): Tensor => tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]);

function dense(step: Step, kernel: Kernel): Tensor {
  const { tf, backend } = step;
  const { x, w, strides, active } = kernel;
  if (!backend.composed) return valid(step, x, w, strides);
  const grid = gridOf(kernel);
  const [channels, out] = [w.shape[2]!, w.shape[3]!];
  return differentiable(step, {
    ...{ inputs: [x, w], active },
    forward: () => valid(step, x, w, strides),
    backward: (gradient, [input, weights]) => [
      () => valid(step, around(step, gradient, grid), flipped(step, weights!), [1, 1]),
      () => {
        // One transpose of the gradient for all taps, then a product per tap.
        const rows = tf.transpose(tf.reshape(gradient, [-1, out]));
        const parts = eachTap(tf, input!, grid).map(({ at }) =>
          tf.matMul(rows, tf.reshape(at(), [-1, channels])),
        );
        const all = tf.reshape(tf.stack(parts), [...grid.kernel, out, channels]);
        return tf.transpose(all, [0, 1, 3, 2]);
      },
    ],
  });
}

function depthwise(step: Step, kernel: Kernel): Tensor {
  const { tf, backend } = step;
  const { x, w, strides, active } = kernel;
  const forward = () => tf.depthwiseConv2d(x as Images, w as Images, [...strides], 'valid') as Tensor;
  if (!backend.composed) return forward();
  const grid = gridOf(kernel);
  const [channels, times] = [w.shape[2]!, w.shape[3]!];
  return differentiable(step, {
    ...{ inputs: [x, w], active, forward },
    backward: (gradient, [input, weights]) => [
      () => {
        const single = tf.reshape(tf.reverse(weights!, [0, 1]), [...grid.kernel, channels * times, 1]);
        const wide = tf.depthwiseConv2d(
          around(step, gradient, grid) as Images,
          single as Images,
          1,
          'valid',
        ) as Tensor;
        if (times === 1) return wide;
        return tf.reshape(tf.sum(tf.reshape(wide, [-1, channels, times]), 2), input!.shape);
      },
      () => {
        // A sum over all windows as a product with ones: many times as fast as a sum over the first axis.
        const ones = tf.ones([1, gradient.size / (channels * times)]);
        const parts = eachTap(tf, input!, grid).map(({ at }) => {
          const seen = times === 1 ? at() : repeated(step, at(), times);
          return tf.matMul(ones, tf.reshape(tf.mul(seen, gradient), [-1, channels * times]));
        });
        return tf.reshape(tf.stack(parts), [...grid.kernel, channels, times]);
      },
    ],
  });
}

/** Every channel `times` times, one beside the other. */
function repeated({ tf }: Step, x: Tensor, times: number): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const wide = tf.tile(tf.reshape(x, [batch, height, width, channels, 1]), [1, 1, 1, 1, times]);
  return tf.reshape(wide, [batch, height, width, channels * times]);
}

/** Zeros between the weights: the library refuses gradients of dilated convolutions. */
function dilated({ tf }: Step, w: Tensor, dilations: Pair): Tensor {
  if (dilations[0] === 1 && dilations[1] === 1) return w;
  const [height, width, from, to] = w.shape as [number, number, number, number];
  const image = tf.reshape(w, [1, height, width, from * to]);
  const spread = apart(tf, image, dilations);
  return tf.reshape(spread, [spread.shape[1]!, spread.shape[2]!, from, to]);
}

/** `w` as ONNX has it, [out, in / group, height, width]; x is padded already. */
function grouped(step: Step, kernel: Kernel & { group: number; dilations: Pair }): Tensor {
  const { tf } = step;
  const { x, w, strides, active, group, dilations } = kernel;
  const [out, each] = w.shape as [number, number, number, number];
  if (group > 1 && each === 1) {
    const single = tf.transpose(w, [2, 3, 0, 1]);
    const own = tf.reshape(single, [...single.shape.slice(0, 2), group, out / group]);
    return depthwise(step, { x, w: dilated(step, own, dilations), strides, active });
  }
  const planes = dilated(step, tf.transpose(w, [2, 3, 1, 0]), dilations);
  if (group === 1) return dense(step, { x, w: planes, strides, active });
  const [inputs, weights] = [tf.split(x, group, 3), tf.split(planes, group, 3)];
  return tf.concat(
    inputs.map((input, i) => dense(step, { x: input, w: weights[i]!, strides, active })),
    3,
  );
}

const pair = (values: readonly number[]) => values as unknown as Pair;

const conv: Compute = (step) => {
  const { tf, node } = step;
  const [x, w, bias] = step.inputs as [Tensor, Tensor, Tensor | undefined];
  if (w.rank !== 4) throw refused(step, 'only two spatial axes are supported');
  const shape = windows(step, step.dims[1]!.slice(2));
  const y = grouped(step, {
    x: padded(tf, x, [0, ...shape.before, 0], [0, ...shape.reach, 0]),
    w,
    strides: pair(shape.strides),
    dilations: pair(shape.dilations),
    group: number(node, 'group', 1),
    active: step.active,
  });
  return bias ? tf.add(y, bias) : y;
};

/** Zeros between the numbers of x, then a convolution with the kernel turned round. `w` is [in, out / group, height, width]. */
const convTranspose: Compute = (step) => {
  const { tf, node } = step;
  const [x, w, bias] = step.inputs as [Tensor, Tensor, Tensor | undefined];
  if (w.rank !== 4) throw refused(step, 'only two spatial axes are supported');
  const group = number(node, 'group', 1);
  const [from, each, ...kernel] = w.shape as [number, number, number, number];
  const strides = ints(node, 'strides') ?? [1, 1];
  const dilations = ints(node, 'dilations') ?? [1, 1];
  const before = beginnings(step, kernel, strides, dilations).map(
    (count, i) => (kernel[i]! - 1) * dilations[i]! - count,
  );
  const spread = apart(tf, x, pair(strides));
  const after = kernel.map((size, i) => {
    const span = (size - 1) * dilations[i]! + 1;
    return step.outputDims[0]![i + 2]! + span - 1 - before[i]! - spread.shape[i + 1]!;
  });
  // [in, out / group, ...] of each group as the convolution's [out, in / group, ...].
  const turned = tf.reverse(tf.reshape(w, [group, from / group, each, ...kernel]), [3, 4]);
  const weights = tf.reshape(tf.transpose(turned, [0, 2, 1, 3, 4]), [group * each, from / group, ...kernel]);
  const y = grouped(step, {
    x: padded(tf, spread, [0, ...before, 0], [0, ...after, 0]),
    w: weights,
    strides: [1, 1],
    dilations: pair(dilations),
    group,
    active: step.active,
  });
  return bias ? tf.add(y, bias) : y;
};

/** What is cut off the beginning of each axis of a transposed convolution. */
function beginnings(
  step: Step,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
) {
  const { node } = step;
  const given = ints(node, 'pads') ?? [0, 0, 0, 0];
  const mode = node.attributes.auto_pad?.kind === 'string' ? node.attributes.auto_pad.value : 'NOTSET';
  const shape = ints(node, 'output_shape');
  if (mode === 'VALID') return [0, 0];
  if (mode === 'NOTSET' && !shape) return given.slice(0, 2);
  return kernel.map((size, i) => {
    const extra = (ints(node, 'output_padding') ?? [0, 0])[i]!;
    const full = strides[i]! * (step.dims[0]![i + 2]! - 1) + extra + (size - 1) * dilations[i]! + 1;
    const total = full - step.outputDims[0]![i + 2]!;
    return mode === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2);
  });
}

export const CONV: Readonly<Record<string, Operator>> = {
  Conv: maps(conv),
  ConvTranspose: maps(convTranspose),
};
