// y = every number of x spread over a window of y by w, plus b: what takes a convolution's gradient back, as an operator of its own.
// So dL/dx is the convolution of g by w, and dL/dw is the weight gradient of that convolution, with g as what it slides over.
import { attr } from '../../../src/onnx/build.ts';
import { channelSums, type Dims, ints, type NodeView, number, type Rule, text } from '../rule.ts';
import type { Windows } from '../window.ts';
import { weightGradient } from './conv-weight.ts';

/** The windows of the convolution that goes the other way: its input is y, its output x. */
function windowsOf({ node, dims }: NodeView): Windows {
  const output = dims[0]!.slice(2);
  const kernel = dims[1]!.slice(2);
  const rank = kernel.length;
  const [ones, zeros] = [kernel.map(() => 1), kernel.map(() => 0)];
  const strides = ints(node, 'strides') ?? ones;
  const dilations = ints(node, 'dilations') ?? ones;
  const extra = ints(node, 'output_padding') ?? zeros;
  const full = output.map(
    (size, i) => strides[i]! * (size - 1) + extra[i]! + (kernel[i]! - 1) * dilations[i]! + 1,
  );
  const mode = text(node, 'auto_pad', 'NOTSET');
  const pads = (mode !== 'VALID' && ints(node, 'pads')) || [...zeros, ...zeros];
  const same = mode === 'SAME_UPPER' || mode === 'SAME_LOWER';
  const asked =
    ints(node, 'output_shape')?.slice(-rank) ??
    (same ? output.map((size, i) => size * strides[i]!) : undefined);
  const cut = full.map((size, i) => (asked ? size - asked[i]! : 0));
  const half = cut.map((count) => Math.floor(count / 2));
  const rest = cut.map((count, i) => count - half[i]!);
  const [before, after] = !asked
    ? [pads.slice(0, rank), pads.slice(rank)]
    : mode === 'SAME_UPPER'
      ? [half, rest]
      : [rest, half];
  const input = full.map((size, i) => size - before[i]! - after[i]!);
  const reach = after.map((count, i) => count - extra[i]!);
  return { input, output, kernel, strides, dilations, before, after, reach };
}

export const convTranspose: Rule = {
  dims: (view) => {
    const [x, w] = view.dims as [Dims, Dims];
    return [x[0]!, w[1]! * number(view.node, 'group', 1), ...windowsOf(view).input];
  },
  gradient: (step) => {
    const { ops, node, inputs, dims, outputDims, gradient: g } = step;
    const w = windowsOf(step);
    const group = number(node, 'group', 1);
    // Windows that stop short of the end of g, and padding that is negative, are cut to what Conv takes.
    const before = w.before.map((count) => Math.max(count, 0));
    const after = w.reach.map((count) => Math.max(count, 0));
    const cut = (counts: Dims) => [0, 0, ...counts.map((count) => Math.min(count, 0))];
    const seen = () => ops.pad(g, cut(w.before), cut(w.reach));
    return [
      () =>
        ops.node('Conv', [seen(), inputs[1]!], {
          group: attr.int(group),
          strides: attr.ints(w.strides),
          dilations: attr.ints(w.dilations),
          pads: attr.ints([...before, ...after]),
        }),
      () =>
        weightGradient({
          ops,
          windows: w,
          group,
          input: { name: g, dims: outputDims },
          gradient: { name: inputs[0]!, dims: dims[0]! },
        }),
      () => channelSums(ops, g, outputDims),
    ];
  },
};
