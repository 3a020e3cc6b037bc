// How the windows of a convolution or a pooling lie over their input, from the attributes that those operators share.
// Only counting: what is computed inside a window is in rules/conv.ts and rules/pool.ts.

import type { Ops } from '../graph/ops.ts';
import { type Dims, ints, type NodeView, number, range, text } from './rule.ts';

/** One entry per spatial axis. Window `o` covers input positions `o * stride - before + tap * dilation`. */
export interface Windows {
  /** Size of the input and of the output. */
  readonly input: Dims;
  readonly output: Dims;
  readonly kernel: Dims;
  readonly strides: Dims;
  readonly dilations: Dims;
  /** Padding as the attributes give it. */
  readonly before: Dims;
  readonly after: Dims;
  /** Padding that the windows in fact reach over at the end: less than 0 where they stop short of the last numbers. */
  readonly reach: Dims;
}

/** Windows of `kernel` over a [batch, channels, ...spatial] input. `ceil_mode` is read where the operator has it. */
export function windows({ node, dims }: NodeView, kernel: Dims): Windows {
  const input = dims[0]!.slice(2);
  const ones = kernel.map(() => 1);
  const strides = ints(node, 'strides') ?? ones;
  const dilations = ints(node, 'dilations') ?? ones;
  const span = kernel.map((size, i) => (size - 1) * dilations[i]! + 1);
  const same = text(node, 'auto_pad', 'NOTSET');
  const pads = ints(node, 'pads') ?? kernel.flatMap(() => [0, 0]);
  const rank = kernel.length;
  let before = pads.slice(0, rank);
  let after = pads.slice(rank);
  if (same === 'VALID') before = after = kernel.map(() => 0);
  if (same === 'SAME_UPPER' || same === 'SAME_LOWER') {
    const total = input.map((size, i) =>
      Math.max((Math.ceil(size / strides[i]!) - 1) * strides[i]! + span[i]! - size, 0),
    );
    const less = total.map((count) => Math.floor(count / 2));
    const more = total.map((count) => Math.ceil(count / 2));
    [before, after] = same === 'SAME_UPPER' ? [less, more] : [more, less];
  }
  const ceil = number(node, 'ceil_mode', 0) === 1;
  const output = input.map((size, i) => {
    const room = size + before[i]! + after[i]! - span[i]!;
    const steps = ceil ? Math.ceil(room / strides[i]!) : Math.floor(room / strides[i]!);
    // A window that would start behind the input and its first padding is left out.
    return ceil && steps * strides[i]! >= size + before[i]! ? steps : steps + 1;
  });
  const reach = output.map((size, i) => (size - 1) * strides[i]! + span[i]! - input[i]! - before[i]!);
  return { input, output, kernel, strides, dilations, before, after, reach };
}

/**
 * Puts `strides - 1` zeros between the numbers of the spatial axes of `x` [batch, channels, ...spatial], then pads
 * by `before` and `after` (negative cuts off).
 */
export function stuff(ops: Ops, x: string, dims: Dims, layout: StuffLayout): string {
  const { strides, before, after } = layout;
  const [n, c, ...spatial] = dims as [number, number, ...number[]];
  const none = [0, 0];
  if (strides.every((stride) => stride === 1)) {
    return ops.pad(x, [...none, ...before], [...none, ...after]);
  }
  const apart = ops.reshape(x, [n, c, ...spatial.flatMap((size) => [size, 1])]);
  const spread = ops.pad(
    apart,
    [...none, ...spatial.flatMap(() => [0, 0])],
    [...none, ...strides.flatMap((stride) => [0, stride - 1])],
  );
  const joined = ops.reshape(spread, [n, c, ...spatial.map((size, i) => size * strides[i]!)]);
  // The zeros behind the last number count as padding.
  const extra = after.map((count, i) => count - strides[i]! + 1);
  return ops.pad(joined, [...none, ...before], [...none, ...extra]);
}

export interface StuffLayout {
  readonly strides: Dims;
  readonly before: Dims;
  readonly after: Dims;
}

/** The part of padded `x` that tap `tap` of every window sees: [..., ...output], as a strided slice of the last axes. */
export function tapSlice(ops: Ops, padded: string, rank: number, { windows: w, tap }: Tap): string {
  const axes = range(w.kernel.length).map((i) => rank - w.kernel.length + i);
  const starts = tap.map((at, i) => at * w.dilations[i]!);
  const ends = starts.map((start, i) => start + (w.output[i]! - 1) * w.strides[i]! + 1);
  const plain = w.strides.every((stride) => stride === 1);
  return ops.slices(padded, axes, plain ? { starts, ends } : { starts, ends, steps: w.strides });
}

export interface Tap {
  readonly windows: Windows;
  readonly tap: readonly number[];
}

/** Every position in a kernel, last axis fastest. */
export function taps(kernel: Dims): number[][] {
  return kernel.reduce<number[][]>(
    (all, size) => all.flatMap((head) => range(size).map((at) => [...head, at])),
    [[]],
  );
}
