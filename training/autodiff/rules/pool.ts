// The largest number or the mean of every window, or of the whole map.
// Max: g is added where the largest number was (Indices says where). Mean: g / count is spread over its window, which is
// itself a mean of zero-stuffed g with stride 1, the fastest form in onnxruntime.
import { attr } from '../../../src/onnx/build.ts';
import { elementCount } from '../../../src/onnx/tensor.ts';
import {
  type BackwardStep,
  type Dims,
  ints,
  type NodeView,
  number,
  type Rule,
  unsupported,
} from '../rule.ts';
import { stuff, taps, type Windows, windows } from '../window.ts';

const windowsOf = (view: NodeView) => windows(view, ints(view.node, 'kernel_shape')!);
const dims = (view: NodeView): Dims => [...view.dims[0]!.slice(0, 2), ...windowsOf(view).output];

export const maxPool: Rule = {
  dims,
  moreDims: (view) => [dims(view)],
  gradient: ({ ops, node, inputs: [x], dims: [from], gradient: g }) => [
    () => {
      if (number(node, 'storage_order', 0) !== 0) throw unsupported(node, 'storage_order 1');
      // The node's own second output where it has one; else the pooling is done once more, with it.
      const where = node.outputs[1] || ops.builder.node('MaxPool', [x!], node.attributes, { outputs: 2 })[1]!;
      const count = elementCount(from!);
      const added = ops.scatterAdd(ops.zeros([count]), ops.reshape(where, [-1]), ops.reshape(g, [-1]));
      return ops.reshape(added, from!);
    },
  ],
};

/** How many numbers each window takes the mean of: one number, or one per window [1, 1, ...output]. */
function counts(step: BackwardStep, w: Windows): number | string {
  const withPadding = number(step.node, 'count_include_pad', 0) === 1;
  // Padding counts where it is asked for, but not what a last window of ceil_mode reaches over beyond it.
  const inside = (at: number, i: number) =>
    withPadding ? at >= -w.before[i]! && at < w.input[i]! + w.after[i]! : at >= 0 && at < w.input[i]!;
  const perAxis = w.output.map((size, i) =>
    Array.from({ length: size }, (_, o) => {
      const positions = Array.from(
        { length: w.kernel[i]! },
        (_, tap) => o * w.strides[i]! - w.before[i]! + tap * w.dilations[i]!,
      );
      return positions.filter((at) => inside(at, i)).length;
    }),
  );
  const all = taps(w.output).map((position) =>
    position.reduce((count, at, i) => count * perAxis[i]![at]!, 1),
  );
  if (all.every((count) => count === all[0])) return all[0]!;
  return step.ops.tensor([1, 1, ...w.output], all);
}

export const averagePool: Rule = {
  dims: (view) => {
    if (ints(view.node, 'dilations')?.some((size) => size !== 1)) throw unsupported(view.node, 'dilations');
    return dims(view);
  },
  gradient: (step) => [
    () => {
      const { ops, outputDims } = step;
      const w = windowsOf(step);
      const area = elementCount(w.kernel);
      const count = counts(step, w);
      const share = typeof count === 'number' && count === area ? step.gradient : scaled(step, count, area);
      const before = w.kernel.map((size, i) => size - 1 - w.before[i]!);
      const after = w.kernel.map((size, i) => size - 1 - w.reach[i]!);
      const padded = stuff(ops, share, outputDims, { strides: w.strides, before, after });
      return ops.node('AveragePool', [padded], {
        kernel_shape: attr.ints(w.kernel),
      });
    },
  ],
};

const scaled = ({ ops, gradient: g }: BackwardStep, count: number | string, area: number): string =>
  typeof count === 'number' ? ops.mul(g, area / count) : ops.div(ops.mul(g, area), count);

export const globalAveragePool: Rule = {
  dims: ({ dims: [x] }) => x!.map((size, axis) => (axis < 2 ? size : 1)),
  gradient: ({ ops, dims: [x], gradient: g }) => [
    () => ops.expand(ops.div(g, elementCount(x!.slice(2))), x!),
  ],
};
