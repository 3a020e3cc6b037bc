// Several outputs: parts of x one after the other along an axis. dL/dx = their gradients joined again.
import { ints, type NodeView, number, positive, type Rule } from '../rule.ts';

/** Sizes of the parts: an input since opset 13, an attribute before; else equal ones, the last perhaps smaller. */
function sizes(view: NodeView): { axis: number; parts: readonly number[] } {
  const { node, dims } = view;
  const axis = positive(number(node, 'axis', 0), dims[0]!.length);
  const total = dims[0]![axis]!;
  const given = ints(node, 'split') ?? view.constant(1);
  if (given) return { axis, parts: given };
  const count = node.outputs.length;
  const each = Math.ceil(total / count);
  return { axis, parts: node.outputs.map((_, i) => Math.min(each, total - i * each)) };
}

const dimsOf = (view: NodeView) => {
  const { axis, parts } = sizes(view);
  return parts.map((size) => view.dims[0]!.map((dim, i) => (i === axis ? size : dim)));
};

export const split: Rule = {
  dims: (view) => dimsOf(view)[0]!,
  moreDims: (view) => dimsOf(view).slice(1),
  everyOutput: true,
  gradient: (step) => [() => step.ops.concat(step.gradients, sizes(step).axis)],
};
