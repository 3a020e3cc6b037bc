// y = Σ x, the mean, the largest, the smallest or the length of x, over some axes or all. The gradient is spread over what was
// reduced: as it is, divided by the count, to the extreme numbers (shared where several are equal), or along x / y.
import { elementCount } from '../../../src/onnx/tensor.ts';
import {
  type BackwardStep,
  type Dims,
  ints,
  type NodeView,
  number,
  type Rule,
  range,
  unsupported,
} from '../rule.ts';

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

/** A rule out of dL/dx, given g and y spread to x. */
const reduce = (gradient: (step: BackwardStep, g: string, y: () => string) => string): Rule => ({
  dims,
  gradient: (step) => [
    () => {
      const { ops, output } = step;
      const kept = keptDims(step);
      const g = ops.reshape(step.gradient, kept);
      return gradient(step, g, () => ops.reshape(output, kept));
    },
  ],
});

const count = ({ dims, outputDims }: BackwardStep) => elementCount(dims[0]!) / elementCount(outputDims);

export const reduceSum = reduce(({ ops, dims: [x] }, g) => ops.expand(g, x!));
export const reduceMean = reduce((step, g) => {
  const { ops, dims } = step;
  return ops.expand(ops.div(g, count(step)), dims[0]!);
});
export const reduceExtreme = reduce((step, g, y) => {
  const { ops, inputs } = step;
  const hit = ops.mask(ops.equal(inputs[0]!, y()));
  const ties = ops.sum(hit, [...reducedAxes(step)], true);
  return ops.mul(hit, ops.div(g, ties));
});
/** A zero length has no direction: its gradient is 0. */
export const reduceL2 = reduce(({ ops, inputs }, g, y) => {
  const length = y();
  const safe = ops.where(ops.greater(length, 0), length, 1);
  return ops.mul(inputs[0]!, ops.div(g, safe));
});
export const reduceSumSquare = reduce(({ ops, inputs }, g) => ops.mul(ops.mul(2, inputs[0]!), g));

/** The largest number of a whole map. */
export const globalMaxPool: Rule = {
  dims: ({ dims: [x] }) => x!.map((size, axis) => (axis < 2 ? size : 1)),
  gradient: ({ ops, inputs: [x], output: y, dims: [from], gradient: g }) => [
    () => {
      const hit = ops.mask(ops.equal(x!, y));
      const ties = ops.sum(hit, range(from!.length).slice(2), true);
      return ops.mul(hit, ops.div(g, ties));
    },
  ],
};
