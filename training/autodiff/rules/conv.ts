// y = x * w + b, a convolution of [batch, channels, ...spatial] by [out, channels / group, ...kernel].
// dL/dx: the convolution of g (zeros between its numbers where the stride is not 1) by the flipped weights.
// dL/dw: for every tap of the kernel, g times the part of x that this tap sees. dL/db: g summed over all but channels.
import { attr } from '../../../src/onnx/build.ts';
import { elementCount } from '../../../src/onnx/tensor.ts';
import { type BackwardStep, type Dims, type NodeView, number, type Rule, range } from '../rule.ts';
import { stuff, tapSlice, taps, type Windows, windows } from '../window.ts';

const windowsOf = (view: NodeView) => windows(view, view.dims[1]!.slice(2));

export const conv: Rule = {
  dims: (view) => [view.dims[0]![0]!, view.dims[1]![0]!, ...windowsOf(view).output],
  gradient: (step) => {
    const { ops, gradient: g, outputDims } = step;
    return [
      () => dataGradient(step, windowsOf(step)),
      () => weightGradient(step, windowsOf(step)),
      () =>
        ops.sum(
          g,
          range(outputDims.length).filter((axis) => axis !== 1),
        ),
    ];
  },
};

function dataGradient(step: BackwardStep, w: Windows): string {
  const { ops, node, gradient: g, outputDims } = step;
  const group = number(node, 'group', 1);
  const before = w.kernel.map((size, i) => (size - 1) * w.dilations[i]! - w.before[i]!);
  const after = w.kernel.map((size, i) => (size - 1) * w.dilations[i]! - w.reach[i]!);
  const plain = w.strides.every((stride) => stride === 1) && [...before, ...after].every((size) => size >= 0);
  const x = plain ? g : stuff(ops, g, outputDims, { strides: w.strides, before, after });
  return ops.node('Conv', [x, flipped(step, group)], {
    group: attr.int(group),
    dilations: attr.ints(w.dilations),
    ...(plain ? { pads: attr.ints([...before, ...after]) } : {}),
  });
}

/** Weights [out, in / group, ...kernel] as [in, out / group, ...kernel] with the kernel turned round. */
function flipped({ ops, inputs, dims }: BackwardStep, group: number): string {
  const [out, each, ...kernel] = dims[1] as [number, number, ...number[]];
  const axes = range(kernel.length).filter((i) => kernel[i]! > 1);
  let w = inputs[1]!;
  if (axes.length > 0) {
    const last = axes.map(() => -1);
    w = ops.slices(
      w,
      axes.map((i) => i + 2),
      { starts: last, ends: axes.map(() => -(2 ** 31)), steps: last },
    );
  }
  const rest = range(kernel.length);
  if (group === 1) return ops.transpose(w, [1, 0, ...rest.map((i) => i + 2)]);
  if (each === 1 && out === group) return w;
  const grouped = ops.reshape(w, [group, out / group, each, ...kernel]);
  return ops.reshape(ops.transpose(grouped, [0, 2, 1, ...rest.map((i) => i + 3)]), [
    group * each,
    out / group,
    ...kernel,
  ]);
}

function weightGradient(step: BackwardStep, w: Windows): string {
  const { ops, node, inputs, dims, outputDims } = step;
  const group = number(node, 'group', 1);
  const [n, channels] = dims[0] as [number, number, ...number[]];
  const [out, each] = dims[1] as [number, number, ...number[]];
  const rank = outputDims.length;
  const swap = [1, 0, ...range(rank - 2).map((i) => i + 2)];
  const positions = n * elementCount(w.output);
  // Channels first, so that batch and positions are one axis to sum over.
  const g = ops.reshape(ops.transpose(step.gradient, swap), [group, out / group, positions]);
  const padded = ops.pad(inputs[1 - 1]!, [0, 0, ...w.before], [0, 0, ...w.reach]);
  const x = ops.transpose(padded, swap);
  const parts = taps(w.kernel).map((tap) => {
    const whole = w.output.every((size, i) => size === w.input[i]! + w.before[i]! + w.reach[i]!);
    const seen = whole ? x : tapSlice(ops, x, rank, { windows: w, tap });
    const rows = ops.reshape(seen, [group, channels / group, positions]);
    return product(step, g, rows, group);
  });
  const all =
    parts.length === 1
      ? parts[0]!
      : ops.concat(
          parts.map((part) => ops.unsqueeze(part, [2])),
          2,
        );
  return ops.reshape(all, dims[1]! as Dims);

  /** [out, in / group]: the sum over positions of g times x. */
  function product(_: BackwardStep, a: string, b: string, groups: number): string {
    if (groups === 1) {
      return ops.gemm(ops.reshape(a, [out, positions]), ops.reshape(b, [channels, positions]), {
        transB: true,
      });
    }
    return ops.reshape(ops.matmul(a, ops.transpose(b, [0, 2, 1])), [out, each]);
  }
}
