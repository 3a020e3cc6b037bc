// y = x without some axes of size 1, or with more of them. dL/dx = g in the old shape.
import { ints, type NodeView, positive, type Rule, range, unsupported } from '../rule.ts';

/** An input since opset 13, an attribute before. */
function axesOf(view: NodeView): readonly number[] | undefined {
  const axes = ints(view.node, 'axes') ?? view.constant(1);
  if (!axes && view.node.inputs[1]) throw unsupported(view.node, 'axes that are computed in the graph');
  return axes;
}

const gradient: Rule['gradient'] = ({ ops, dims: [x], gradient: g }) => [() => ops.reshape(g, x!)];

export const squeeze: Rule = {
  dims: (view) => {
    const x = view.dims[0]!;
    const axes = axesOf(view)?.map((axis) => positive(axis, x.length));
    return x.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1));
  },
  gradient,
};

export const unsqueeze: Rule = {
  dims: (view) => {
    const left = [...view.dims[0]!];
    const axes = axesOf(view) ?? [];
    const rank = left.length + axes.length;
    const added = axes.map((axis) => positive(axis, rank));
    return range(rank).map((axis) => (added.includes(axis) ? 1 : left.shift()!));
  },
  gradient,
};
