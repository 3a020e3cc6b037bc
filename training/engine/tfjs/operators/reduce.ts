// Sums, means, maxima and norms over some axes or all.

import { ints, number, positive, range } from '../../../autodiff/rule.ts';
import type { Tensor, Tf } from '../load.ts';
import { flat, type Operator, plain, refused, type Step } from '../operator.ts';
import { absolute } from './pointwise.ts';

/** An input since opset 13 (Sum) or 18 (the others), an attribute before. */
function axesOf(step: Step): number[] {
  const { node } = step;
  const rank = step.inputs[0]!.rank;
  const given = ints(node, 'axes') ?? (node.inputs[1] ? step.constant(1) : []);
  if (!given) throw refused(step, 'axes that are computed in the graph');
  if (given.length > 0) return given.map((axis) => positive(axis, rank));
  return number(node, 'noop_with_empty_axes', 0) === 1 ? [] : range(rank);
}

const reduce = (compute: (tf: Tf, x: Tensor, axes: number[], keep: boolean) => Tensor): Operator =>
  plain((step) => {
    const axes = axesOf(step);
    const x = step.inputs[0]!;
    // Without axes the library would take all of them; its operators over none are the identity up to squares and roots.
    const over = axes.length === 0 ? step.tf.expandDims(x, 0) : x;
    const result = compute(
      step.tf,
      over,
      axes.length === 0 ? [0] : axes,
      number(step.node, 'keepdims', 1) === 1,
    );
    return step.tf.reshape(result, [...step.outputDims[0]!]);
  });

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
  ReduceL1: reduce((tf, x, axes, keep) => tf.sum(absolute(tf, x), axes, keep)),
  ReduceL2: reduce((tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))),
  ReduceLogSumExp: reduce((tf, x, axes, keep) => tf.logSumExp(x, axes, keep)),
  ReduceMax: reduce((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMean: reduce((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceMin: reduce((tf, x, axes, keep) => tf.min(x, axes, keep)),
  ReduceSum: reduce((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceSumSquare: reduce((tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
};
