// Maxima and means of windows over [batch, height, width, channels], and of whole maps.

import { ints, number, range } from '../../../autodiff/rule.ts';
import { type Windows, windows } from '../../../autodiff/window.ts';
import type { Tensor } from '../load.ts';
import { type Compute, differentiable, maps, type Operator, refused, type Step } from '../operator.ts';
import { addTaps, eachTap, type Grid, type Pair } from '../taps.ts';
import { extreme } from './reduce.ts';
import { padded } from './shape.ts';

type Images = import('@tensorflow/tfjs').Tensor4D;

/** Below every number in use: padding never is the largest. */
const LOWEST = -3.4e38;

function windowsOf(step: Step): Windows {
  const shape = windows(step, ints(step.node, 'kernel_shape')!);
  if (shape.kernel.length !== 2) throw refused(step, 'only two spatial axes are supported');
  if (shape.dilations.some((size) => size !== 1)) throw refused(step, 'dilations other than 1');
  return shape;
}

const gridOf = ({ kernel, strides, output }: Windows): Grid => ({
  kernel: kernel as unknown as Pair,
  strides: strides as unknown as Pair,
  output: output as unknown as Pair,
});

const maxPool: Compute = (step) => {
  const { tf, backend, node } = step;
  if (node.outputs[1]) throw refused(step, 'the second output, Indices');
  const shape = windowsOf(step);
  const grid = gridOf(shape);
  const x = padded(tf, step.inputs[0]!, [0, ...shape.before, 0], [0, ...shape.reach, 0], LOWEST);
  const forward = () => tf.maxPool(x as Images, [...grid.kernel], [...grid.strides], 'valid') as Tensor;
  if (!backend.composed) return forward();
  return differentiable(step, {
    ...{ inputs: [x], active: [step.active[0]!], forward },
    backward: (gradient, [input, largest]) => [
      () => {
        // Where several are the largest, the first of them gets the gradient.
        let left: Tensor = tf.onesLike(gradient);
        const parts = eachTap(tf, input!, grid).map(({ at }) => {
          const hit = tf.mul(tf.equal(at(), largest!).toFloat(), left);
          left = tf.sub(left, hit);
          return tf.mul(gradient, hit);
        });
        return addTaps(tf, parts, grid);
      },
    ],
  });
};

/** How many numbers count in each window along one axis. */
function counts(step: Step, shape: Windows, axis: number): number[] {
  const withPadding = number(step.node, 'count_include_pad', 0) === 1;
  // Padding counts where it is asked for, but not what a last window of ceil_mode reaches over beyond it.
  const low = withPadding ? -shape.before[axis]! : 0;
  const high = shape.input[axis]! + (withPadding ? shape.after[axis]! : 0);
  return range(shape.output[axis]!).map((window) => {
    const start = window * shape.strides[axis]! - shape.before[axis]!;
    return Math.min(start + shape.kernel[axis]!, high) - Math.max(start, low);
  });
}

const averagePool: Compute = (step) => {
  const { tf } = step;
  const shape = windowsOf(step);
  const grid = gridOf(shape);
  const x = padded(tf, step.inputs[0]!, [0, ...shape.before, 0], [0, ...shape.reach, 0]);
  const mean = tf.avgPool(x as Images, [...grid.kernel], [...grid.strides], 'valid') as Tensor;
  const [rows, columns] = [counts(step, shape, 0), counts(step, shape, 1)];
  const area = grid.kernel[0] * grid.kernel[1];
  if (rows.every((count) => count === grid.kernel[0]) && columns.every((count) => count === grid.kernel[1]))
    return mean;
  const factors = rows.flatMap((row) => columns.map((column) => area / (row * column)));
  return tf.mul(mean, tf.tensor(factors, [1, ...grid.output, 1]));
};

export const POOL: Readonly<Record<string, Operator>> = {
  AveragePool: maps(averagePool),
  GlobalAveragePool: maps(({ tf, inputs: [x] }) => tf.mean(x!, [1, 2], true)),
  GlobalMaxPool: maps((step) => extreme(step, step.inputs[0]!, [1, 2], 'max')),
  MaxPool: maps(maxPool),
};
