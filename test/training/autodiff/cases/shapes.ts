// Changes of shape, cuts, paddings, and reductions to the extreme or the length.
import { attr } from '../../../../src/onnx/build.ts';
import { i64 } from '../../../../src/onnx/tensor.ts';
import type { Ops } from '../../../../training/graph/ops.ts';
import { type Case, node } from './case.ts';

const list = (ops: Ops, ...values: number[]) => ops.builder.constant(i64(values));
const reduced = (op: string, axes: readonly number[], keepdims: number) => (ops: Ops, x: string) =>
  ops.builder.node(op, [x, list(ops, ...axes)], { keepdims: attr.int(keepdims) });
/** Only some of the parts reach the loss, each in its own way. */
const parts = (ops: Ops, made: readonly string[]) => ops.mul(ops.sum(made[0]!), ops.exp(made[1]!));

export const SHAPES: readonly Case[] = [
  { op: 'Flatten', inputs: [[2, 3, 2]], y: node('Flatten') },
  { op: 'Flatten', about: 'axis 0', inputs: [[2, 3]], y: node('Flatten', { axis: attr.int(0) }) },
  { op: 'Flatten', about: 'axis -1', inputs: [[2, 3, 2]], y: node('Flatten', { axis: attr.int(-1) }) },
  { op: 'Squeeze', about: 'all', inputs: [[1, 3, 1, 2]], y: node('Squeeze') },
  { op: 'Squeeze', inputs: [[1, 3, 1, 2]], y: (ops, x) => ops.squeeze(x, [-2]) },
  { op: 'Unsqueeze', inputs: [[3, 2]], y: (ops, x) => ops.unsqueeze(x, [0, -1]) },
  {
    op: 'Slice',
    about: 'steps',
    inputs: [[9, 4]],
    y: (ops, x) => ops.slices(x, [0], { starts: [1], ends: [8], steps: [3] }),
  },
  {
    op: 'Slice',
    about: 'up to the end',
    inputs: [[5, 4]],
    y: (ops, x) => ops.slices(x, [1, 0], { starts: [-2, 1], ends: [100, -1] }),
  },
  { op: 'Slice', about: 'backwards', inputs: [[4, 5]], y: (ops, x) => ops.reversed(x, [0, 1]) },
  {
    op: 'Slice',
    about: 'backwards in steps',
    inputs: [[8]],
    y: (ops, x) => ops.slices(x, [0], { starts: [-2], ends: [0], steps: [-2] }),
  },
  {
    op: 'Slice',
    about: 'one number, large step',
    inputs: [[3, 4]],
    y: (ops, x) => ops.slices(x, [1], { starts: [1], ends: [3], steps: [7] }),
  },
  {
    op: 'Slice',
    about: 'without axes',
    inputs: [[3, 4]],
    y: (ops, x) => ops.node('Slice', [x, list(ops, 1, 1), list(ops, 3, 3)]),
  },
  {
    op: 'Split',
    about: 'equal parts, one unused',
    inputs: [[6, 2]],
    y: (ops, x) => parts(ops, ops.builder.node('Split', [x], { num_outputs: attr.int(3) }, { outputs: 3 })),
  },
  {
    op: 'Split',
    about: 'the first part unused',
    inputs: [[2, 5]],
    y: (ops, x) =>
      ops.builder.node('Split', [x, list(ops, 2, 3)], { axis: attr.int(-1) }, { outputs: 2 })[1]!,
  },
  {
    op: 'Split',
    about: 'a last part that is smaller',
    inputs: [[5]],
    y: (ops, x) =>
      ops.concat(
        ops.builder.node('Split', [x], { num_outputs: attr.int(2) }, { outputs: 2 }).toReversed(),
        0,
      ),
  },
  { op: 'Pad', inputs: [[2, 3]], y: (ops, x) => ops.pad(x, [1, 0], [0, 2]) },
  { op: 'Pad', about: 'cutting off', inputs: [[4, 3]], y: (ops, x) => ops.pad(x, [-1, 1], [0, -1]) },
  {
    op: 'Pad',
    about: 'some axes',
    inputs: [[2, 3]],
    y: (ops, x) => ops.node('Pad', [x, list(ops, 1, 2), 0.5, list(ops, -1)]),
  },
  { op: 'Tile', inputs: [[2, 3]], y: (ops, x) => ops.node('Tile', [x, list(ops, 2, 3)]) },
  { op: 'Sum', about: 'broadcast', inputs: [[2, 3], [3], [2, 1]], y: node('Sum') },
  { op: 'ReduceMax', about: 'rows', inputs: [[3, 4]], y: reduced('ReduceMax', [1], 0) },
  { op: 'ReduceMax', about: 'all', inputs: [[3, 4]], y: node('ReduceMax') },
  { op: 'ReduceMin', inputs: [[3, 4, 2]], y: reduced('ReduceMin', [0, 2], 1) },
  { op: 'ReduceL2', inputs: [[3, 4]], y: reduced('ReduceL2', [-1], 1) },
  { op: 'ReduceSumSquare', inputs: [[3, 4]], y: reduced('ReduceSumSquare', [0], 0) },
];
