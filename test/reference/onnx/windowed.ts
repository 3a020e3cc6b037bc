// Convolution and pooling in float64, straight from the operators' definitions: for every output number, loop over its window.
import type { Node } from '../../../src/onnx/model.ts';
import { type Arr, each, fill, offset } from './array.ts';

const list = (node: Node, name: string, fallback: readonly number[]) =>
  (node.attributes[name]?.value as readonly number[] | undefined) ?? fallback;
const one = (node: Node, name: string, fallback: number) =>
  (node.attributes[name]?.value as number | undefined) ?? fallback;

function geometry(node: Node, x: Arr, kernel: readonly number[]) {
  const strides = list(
    node,
    'strides',
    kernel.map(() => 1),
  );
  const dilations = list(
    node,
    'dilations',
    kernel.map(() => 1),
  );
  const ceil = one(node, 'ceil_mode', 0) === 1;
  const mode = (node.attributes.auto_pad?.value as string | undefined) ?? 'NOTSET';
  const given = list(
    node,
    'pads',
    kernel.flatMap(() => [0, 0]),
  );
  return kernel.map((k, i) => {
    const length = x.dims[i + 2]!;
    const [stride, dilation] = [strides[i]!, dilations[i]!];
    const span = (k - 1) * dilation + 1;
    let [begin, end] = [given[i]!, given[i + kernel.length]!];
    if (mode === 'VALID') [begin, end] = [0, 0];
    if (mode.startsWith('SAME')) {
      const total = Math.max((Math.ceil(length / stride) - 1) * stride + span - length, 0);
      begin = mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      end = total - begin;
    }
    let out = Math[ceil ? 'ceil' : 'floor']((length + begin + end - span) / stride) + 1;
    if (ceil && (out - 1) * stride >= length + begin) out--;
    return { length, stride, dilation, begin, end, out, k };
  });
}

export function conv(node: Node, [x, w, b]: readonly Arr[]): Arr {
  const kernel = w!.dims.slice(2);
  const axes = geometry(node, x!, kernel);
  const perGroup = w!.dims[0]! / one(node, 'group', 1);
  const dims = [x!.dims[0]!, w!.dims[0]!, ...axes.map(({ out }) => out)];
  return fill(dims, ([n, m, ...o]) => {
    let sum = b ? b.data[m!]! : 0;
    each([w!.dims[1]!, ...kernel], ([c, ...k]) => {
      const s = axes.map((axis, i) => o[i]! * axis.stride - axis.begin + k[i]! * axis.dilation);
      if (s.some((place, i) => place < 0 || place >= axes[i]!.length)) return;
      const channel = Math.floor(m! / perGroup) * w!.dims[1]! + c!;
      sum += x!.data[offset(x!.dims, [n!, channel, ...s])]! * w!.data[offset(w!.dims, [m!, c!, ...k])]!;
    });
    return sum;
  });
}

/** Every input number is spread over its window in the output; what lies in the padding is dropped. */
export function convTranspose(node: Node, [x, w, b]: readonly Arr[]): Arr {
  const kernel = w!.dims.slice(2);
  const group = one(node, 'group', 1);
  const [inEach, outEach] = [w!.dims[0]! / group, w!.dims[1]!];
  const ones = kernel.map(() => 1);
  const zeros = kernel.map(() => 0);
  const strides = list(node, 'strides', ones);
  const dilations = list(node, 'dilations', ones);
  const extra = list(node, 'output_padding', zeros);
  let pads = list(node, 'pads', [...zeros, ...zeros]);
  const asked = node.attributes.output_shape?.value as readonly number[] | undefined;
  const mode = (node.attributes.auto_pad?.value as string | undefined) ?? 'NOTSET';
  const full = kernel.map(
    (k, i) => strides[i]! * (x!.dims[i + 2]! - 1) + extra[i]! + (k - 1) * dilations[i]! + 1,
  );
  const target =
    asked ?? (mode.startsWith('SAME') ? kernel.map((_, i) => x!.dims[i + 2]! * strides[i]!) : undefined);
  if (target) {
    const total = full.map((length, i) => length - target[i]!);
    const less = total.map((t) => Math.floor(t / 2));
    const more = total.map((t, i) => t - less[i]!);
    pads = mode === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
  }
  const spatial = full.map((length, i) => length - pads[i]! - pads[i + kernel.length]!);
  const y = fill([x!.dims[0]!, outEach * group, ...spatial], ([, m]) => (b ? b.data[m!]! : 0));
  each(x!.dims, ([n, c, ...s], flat) => {
    each([outEach, ...kernel], ([m, ...k]) => {
      const o = s.map((place, i) => place * strides[i]! + k[i]! * dilations[i]! - pads[i]!);
      if (o.some((place, i) => place < 0 || place >= spatial[i]!)) return;
      const channel = Math.floor(c! / inEach) * outEach + m!;
      y.data[offset(y.dims, [n!, channel, ...o])]! +=
        x!.data[flat]! * w!.data[offset(w!.dims, [c!, m!, ...k])]!;
    });
  });
  return y;
}

export function pool(node: Node, [x]: readonly Arr[]): Arr {
  const kernel = list(node, 'kernel_shape', []);
  const axes = geometry(node, x!, kernel);
  const withPadding = one(node, 'count_include_pad', 0) === 1;
  return fill([...x!.dims.slice(0, 2), ...axes.map(({ out }) => out)], ([n, c, ...o]) => {
    let [sum, count, largest] = [0, 0, Number.NEGATIVE_INFINITY];
    each(kernel, (k) => {
      const s = axes.map((axis, i) => o[i]! * axis.stride - axis.begin + k[i]! * axis.dilation);
      const inside = s.every((place, i) => place >= 0 && place < axes[i]!.length);
      const padded = s.every((place, i) => place < axes[i]!.length + axes[i]!.end);
      if (inside || (withPadding && padded)) count++;
      if (!inside) return;
      const value = x!.data[offset(x!.dims, [n!, c!, ...s])]!;
      sum += value;
      largest = Math.max(largest, value);
    });
    return node.op === 'MaxPool' ? largest : sum / count;
  });
}
