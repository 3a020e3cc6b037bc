// Sums, means, extremes and norms over some axes or all.

import { ints, number, positive, range } from '../../../autodiff/rule.ts';
import type { Tensor, Tf } from '../load.ts';
import { differentiable, flat, type Operator, plain, refused, type Step } from '../operator.ts';

/** An input since opset 13 (Sum) or 18 (the others), an attribute before. */
function axesOf(step: Step): number[] {
  const { node } = step;
  const rank = step.inputs[0]!.rank;
  const given = ints(node, 'axes') ?? (node.inputs[1] ? step.constant(1) : []);
  if (!given) throw refused(step, 'axes that are computed in the graph');
  if (given.length > 0) return given.map((axis) => positive(axis, rank));
  return number(node, 'noop_with_empty_axes', 0) === 1 ? [] : range(rank);
}

/** Computes with the reduced axes kept; `axes` is never empty. */
const reduce = (compute: (step: Step, x: Tensor, axes: number[]) => Tensor): Operator =>
  plain((step) => {
    const axes = axesOf(step);
    const x = step.inputs[0]!;
    // Over no axes the library would take all of them; a new one of a single entry changes nothing.
    const result = axes.length === 0 ? compute(step, step.tf.expandDims(x, 0), [0]) : compute(step, x, axes);
    return step.tf.reshape(result, [...step.outputDims[0]!]);
  });

/** The largest or smallest, axes kept. Its gradient is shared by all that are equal to it; the library gives each the whole. */
export function extreme(step: Step, x: Tensor, axes: number[], which: 'max' | 'min'): Tensor {
  const { tf } = step;
  return differentiable(step, {
    inputs: [x],
    active: [step.active[0]!],
    forward: () => tf[which](x, axes, true),
    backward: (gradient, [input, found]) => [
      () => {
        const hit = tf.equal(input!, found!).toFloat();
        return tf.mul(hit, tf.div(gradient, tf.sum(hit, axes, true)));
      },
    ],
  });
}

/** √Σx², whose gradient is 0 where it is 0. */
function length(step: Step, x: Tensor, axes: number[]): Tensor {
  const { tf } = step;
  return differentiable(step, {
    inputs: [x],
    active: [step.active[0]!],
    forward: () => tf.sqrt(tf.sum(tf.square(x), axes, true)),
    backward: (gradient, [input, found]) => [
      () => {
        const safe = tf.where(tf.greater(found!, 0), found!, tf.onesLike(found!));
        return tf.mul(input!, tf.div(gradient, safe));
      },
    ],
  });
}

const index = (compute: (tf: Tf, x: Tensor, axis: number) => Tensor): Operator =>
  flat(
    plain((step) => {
      if (number(step.node, 'select_last_index', 0) === 1) throw refused(step, 'select_last_index 1');
      const x = step.inputs[0]!;
      const found = compute(step.tf, x, positive(number(step.node, 'axis', 0), x.rank));
      return step.tf.reshape(found, [...step.outputDims[0]!]);
    }),
  );

export const REDUCE: Readonly<Record<string, Operator>> = {
  ArgMax: index((tf, x, axis) => tf.argMax(x, axis)),
  ArgMin: index((tf, x, axis) => tf.argMin(x, axis)),
  ReduceL2: reduce(length),
  ReduceMax: reduce((step, x, axes) => extreme(step, x, axes, 'max')),
  ReduceMean: reduce(({ tf }, x, axes) => tf.mean(x, axes, true)),
  ReduceMin: reduce((step, x, axes) => extreme(step, x, axes, 'min')),
  ReduceSum: reduce(({ tf }, x, axes) => tf.sum(x, axes, true)),
  ReduceSumSquare: reduce(({ tf }, x, axes) => tf.sum(tf.square(x), axes, true)),
};
