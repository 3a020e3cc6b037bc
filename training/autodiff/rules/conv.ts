// y = x * w + b, a convolution of [batch, channels, ...spatial] by [out, channels / group, ...kernel].
// dL/dx: with stride 1 the convolution of g by the flipped weights, else the transposed convolution of g by w.
// dL/dw: see conv-weight.ts. dL/db: g summed over all but its channels.
//
// dL/dx as flipped / transposed convolution, milliseconds of one thread (as in conv-weight.ts): 100x448x5x5 3x3 114 / 190,
// 32x64x56x56 3x3 90 / 106, 32x128 depthwise 28x28 12 / 22; stride 2: 100x192x12x12 3x3 197 / 67, 32x256x28x28 1x1 122 / 38,
// 128x3x64x64 3x3 147 / 9, depthwise 21 / 8.
import { attr } from '../../../src/onnx/build.ts';
import { type BackwardStep, channelSums, type NodeView, number, type Rule, range } from '../rule.ts';
import { type Windows, windows } from '../window.ts';
import { weightGradient } from './conv-weight.ts';

const windowsOf = (view: NodeView) => windows(view, view.dims[1]!.slice(2));

export const conv: Rule = {
  dims: (view) => [view.dims[0]![0]!, view.dims[1]![0]!, ...windowsOf(view).output],
  gradient: (step) => {
    const { ops, node, inputs, dims, gradient: g, outputDims } = step;
    const w = windowsOf(step);
    return [
      () => dataGradient(step, w),
      () =>
        weightGradient({
          ops,
          windows: w,
          group: number(node, 'group', 1),
          input: { name: inputs[0]!, dims: dims[0]! },
          gradient: { name: g, dims: outputDims },
        }),
      () => channelSums(ops, g, outputDims),
    ];
  },
};

function dataGradient(step: BackwardStep, w: Windows): string {
  const { ops, node, inputs, gradient: g } = step;
  const group = number(node, 'group', 1);
  const common = { group: attr.int(group), dilations: attr.ints(w.dilations) };
  const full = w.kernel.map((size, i) => (size - 1) * w.dilations[i]!);
  const before = full.map((size, i) => size - w.before[i]!);
  const after = full.map((size, i) => size - w.reach[i]!);
  const pads = [...before, ...after];
  if (w.strides.every((stride) => stride === 1) && pads.every((size) => size >= 0)) {
    return ops.node('Conv', [g, flipped(step, group)], { ...common, pads: attr.ints(pads) });
  }
  // What the windows stop short of at the end is put back as zeros; ConvTranspose cuts off what they reach over.
  const spread = ops.node('ConvTranspose', [g, inputs[1]!], {
    ...common,
    strides: attr.ints(w.strides),
    pads: attr.ints([...w.before, ...w.reach.map((count) => Math.max(count, 0))]),
  });
  return ops.pad(
    spread,
    [0, 0, ...w.before.map(() => 0)],
    [0, 0, ...w.reach.map((count) => Math.max(-count, 0))],
  );
}

/** Weights [out, in / group, ...kernel] as [in, out / group, ...kernel] with the kernel turned round. */
function flipped({ ops, inputs, dims }: BackwardStep, group: number): string {
  const [out, each, ...kernel] = dims[1] as [number, number, ...number[]];
  const axes = range(kernel.length).filter((i) => kernel[i]! > 1);
  const w = ops.reversed(
    inputs[1]!,
    axes.map((i) => i + 2),
  );
  const rest = range(kernel.length);
  if (group === 1) return ops.transpose(w, [1, 0, ...rest.map((i) => i + 2)]);
  if (each === 1 && out === group) return w;
  const grouped = ops.reshape(w, [group, out / group, each, ...kernel]);
  const turned = ops.transpose(grouped, [0, 2, 1, ...rest.map((i) => i + 3)]);
  return ops.reshape(turned, [group * each, out / group, ...kernel]);
}
