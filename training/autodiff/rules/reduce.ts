// y = Σ x or the mean of x, over some axes or all. The gradient is spread over what was summed; divided by its count for the mean.
import { elementCount } from '../../../src/onnx/tensor.ts';
import { type Dims, ints, type NodeView, number, type Rule, unsupported } from '../rule.ts';

/** Which axes are summed: an input since opset 13 (Sum) and 18 (Mean), an attribute before. */
function reducedAxes({ node, dims, constant }: NodeView): ReadonlySet<number> {
  const x = dims[0]!;
  const given = ints(node, 'axes') ?? constant(1);
  if (given === undefined && node.inputs[1]) throw unsupported(node, 'axes that are computed in the graph');
  if (given === undefined || given.length === 0) {
    return new Set(number(node, 'noop_with_empty_axes', 0) === 1 ? [] : x.keys());
  }
  return new Set(given.map((axis) => (axis < 0 ? axis + x.length : axis)));
}

/** Dims with the summed axes kept as 1. */
const keptDims = (view: NodeView, axes = reducedAxes(view)): Dims =>
  view.dims[0]!.map((size, axis) => (axes.has(axis) ? 1 : size));

const dims = (view: NodeView): Dims => {
  const axes = reducedAxes(view);
  return number(view.node, 'keepdims', 1) === 1
    ? keptDims(view, axes)
    : view.dims[0]!.filter((_, axis) => !axes.has(axis));
};

const reduce = (mean: boolean): Rule => ({
  dims,
  gradient: (step) => [
    () => {
      const { ops, gradient: g, outputDims } = step;
      const from = step.dims[0]!;
      const spread = ops.expand(ops.reshape(g, keptDims(step)), from);
      return mean ? ops.div(spread, elementCount(from) / elementCount(outputDims)) : spread;
    },
  ],
});

export const reduceSum = reduce(false);
export const reduceMean = reduce(true);
