// The same numbers under other dims, in another order, in parts, joined, repeated or with a border.

import { ints, number, positive, range, text } from '../../../autodiff/rule.ts';
import { cutsOf } from '../../../autodiff/rules/slice.ts';
import { spread } from '../broadcast.ts';
import type { Tensor, Tf } from '../load.ts';
import { any, type Compute, type Operator, plain, refused, type Step } from '../operator.ts';

/** Every operator that only renames positions: the dims say all. */
const reshape: Compute = ({ tf, inputs: [x], outputDims: [dims] }) => tf.reshape(x!, [...dims!]);

const expand: Compute = (step) => spread(step, step.inputs[0]!, step.outputDims[0]!);

const transpose: Compute = ({ tf, node, inputs: [x] }) =>
  tf.transpose(x!, [...(ints(node, 'perm') ?? range(x!.rank).reverse())]);

const concat: Compute = ({ tf, node, inputs, channelsLast }) => {
  const all = inputs as readonly Tensor[];
  const axis = positive(number(node, 'axis', 0), all[0]!.rank);
  return tf.concat([...all], channelsLast ? [0, 3, 1, 2][axis] : axis);
};

const split: Compute = (step) => {
  const { tf, node, inputs, outputDims } = step;
  const axis = positive(number(node, 'axis', 0), inputs[0]!.rank);
  return tf.split(
    inputs[0]!,
    outputDims.map((dims) => dims[axis]!),
    axis,
  );
};

/** The library's strided slice has no gradient: every step-th number is the first column of rows of that length. */
function every(tf: Tf, x: Tensor, axis: number, step: number, count: number): Tensor {
  const missing = count * step - x.shape[axis]!;
  const padded =
    missing > 0
      ? tf.pad(
          x,
          x.shape.map((_, i) => [0, i === axis ? missing : 0] as [number, number]),
        )
      : x;
  const rows = tf.reshape(padded, [...x.shape.slice(0, axis), count, step, ...x.shape.slice(axis + 1)]);
  const size = rows.shape.map((length, i) => (i === axis + 1 ? 1 : length));
  const first = tf.slice(
    rows,
    size.map(() => 0),
    size,
  );
  return tf.reshape(first, [...x.shape.slice(0, axis), count, ...x.shape.slice(axis + 1)]);
}

const slice: Compute = (step) => {
  const { tf } = step;
  const x = step.inputs[0]!;
  const cuts = cutsOf(step);
  const spans = cuts.map(({ start, step: by, count }) => {
    const length = count === 0 ? 0 : (count - 1) * Math.abs(by) + 1;
    return { start: by < 0 && count > 0 ? start - length + 1 : start, length };
  });
  let result = tf.slice(
    x,
    spans.map(({ start }) => start),
    spans.map(({ length }) => length),
  );
  const backwards = range(x.rank).filter((axis) => cuts[axis]!.step < 0);
  if (backwards.length > 0) result = tf.reverse(result, backwards);
  for (const [axis, { step: by, count }] of cuts.entries()) {
    if (Math.abs(by) > 1 && count > 1) result = every(tf, result, axis, Math.abs(by), count);
  }
  return result;
};

/** Pads by counts before and after each axis; a negative count cuts off. */
export function padded(tf: Tf, x: Tensor, before: readonly number[], after: readonly number[], value = 0) {
  let result = x;
  if (before.some((count) => count < 0) || after.some((count) => count < 0)) {
    const start = before.map((count) => Math.max(0, -count));
    const size = x.shape.map((length, i) => length - start[i]! - Math.max(0, -after[i]!));
    result = tf.slice(result, start, size);
  }
  const border = before.map((count, i) => [Math.max(0, count), Math.max(0, after[i]!)] as [number, number]);
  return border.every(([a, b]) => a === 0 && b === 0) ? result : tf.pad(result, border, value);
}

const pad: Compute = (step) => {
  const { tf, node, inputs } = step;
  const x = inputs[0]!;
  const mode = text(node, 'mode', 'constant');
  const counts = ints(node, 'pads') ?? step.constant(1);
  if (!counts) throw refused(step, 'pads that are computed in the graph');
  const axes = node.inputs[3] ? step.constant(3)!.map((axis) => positive(axis, x.rank)) : range(x.rank);
  const [before, after] = [x.shape.map(() => 0), x.shape.map(() => 0)];
  for (const [i, axis] of axes.entries()) {
    before[axis] = counts[i]!;
    after[axis] = counts[i + axes.length]!;
  }
  if (mode === 'reflect' && [...before, ...after].every((count) => count >= 0)) {
    return tf.mirrorPad(
      x,
      before.map((count, i) => [count, after[i]!] as [number, number]),
      'reflect',
    );
  }
  if (mode !== 'constant') throw refused(step, `mode "${mode}"`);
  const value = node.inputs[2] ? (step.constant(2) ?? inputs[2]!.dataSync())[0]! : number(node, 'value', 0);
  return padded(tf, x, before, after, value);
};

const tile: Compute = (step) => {
  const repeats = step.constant(1);
  if (!repeats) throw refused(step, 'repeats that are computed in the graph');
  return step.tf.tile(step.inputs[0]!, [...repeats]);
};

/** Known from dims alone, so that they are constants; one that is not is too large for that, and refused. */
const fromDims = (step: Step): never => {
  throw refused(step, 'can only be computed from fixed dims');
};

export const SHAPE: Readonly<Record<string, Operator>> = {
  Concat: any(concat),
  Constant: plain(fromDims),
  ConstantOfShape: plain(fromDims),
  Expand: plain(expand),
  Flatten: plain(reshape),
  Pad: plain(pad),
  Range: plain(fromDims),
  Reshape: plain(reshape),
  Shape: plain(fromDims),
  Size: plain(fromDims),
  Slice: plain(slice),
  Split: plain(split),
  Squeeze: plain(reshape),
  Tile: plain(tile),
  Transpose: plain(transpose),
  Unsqueeze: plain(reshape),
};
