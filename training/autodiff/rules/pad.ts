// y = x with a constant before and after some axes (less than 0 cuts off). dL/dx = g without what was added.
import { type NodeView, positive, type Rule, range, text, unsupported } from '../rule.ts';

/** [before, after] of every axis. */
function padding(view: NodeView): (readonly [number, number])[] {
  const { node, dims } = view;
  const rank = dims[0]!.length;
  const pads = view.constant(1);
  const axes = node.inputs[3] ? view.constant(3) : range(rank);
  if (!pads || !axes) throw unsupported(node, 'pads that are computed in the graph');
  if (text(node, 'mode', 'constant') !== 'constant') throw unsupported(node, 'only constant padding');
  const all = range(rank).map((): readonly [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) all[positive(axis, rank)] = [pads[i]!, pads[i + axes.length]!];
  return all;
}

export const pad: Rule = {
  dims: (view) => padding(view).map(([before, after], axis) => view.dims[0]![axis]! + before + after),
  gradient: (step) => [
    () => {
      const all = padding(step);
      return step.ops.pad(
        step.gradient,
        all.map(([before]) => -before),
        all.map(([, after]) => -after),
      );
    },
  ],
};
