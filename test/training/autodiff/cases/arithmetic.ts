// Arithmetic, reductions, products and plain changes of shape.
import { i64 } from '../../../../src/onnx/tensor.ts';
import type { Ops } from '../../../../training/graph/ops.ts';
import { type Case, node, positive } from './case.ts';

export const ARITHMETIC: readonly Case[] = [
  {
    op: 'Add',
    about: 'broadcast both ways',
    inputs: [
      [3, 1],
      [1, 4],
    ],
    y: node('Add'),
  },
  { op: 'Sub', about: 'of higher rank', inputs: [[2, 3, 4], [4]], y: node('Sub') },
  { op: 'Mul', about: 'with a scalar', inputs: [[3, 2], []], y: node('Mul') },
  { op: 'Mul', about: 'with itself', inputs: [[3]], y: (ops, x) => ops.mul(x, x) },
  {
    op: 'Div',
    inputs: [
      [3, 2],
      [3, 1],
    ],
    range: positive,
    y: node('Div'),
  },
  { op: 'Neg', inputs: [[4]], y: node('Neg') },
  { op: 'Pow', about: 'cubed', inputs: [[2, 3]], y: (ops, x) => ops.pow(x, 3) },
  {
    op: 'Pow',
    about: 'to a negative fraction',
    inputs: [[5]],
    range: positive,
    y: (ops, x) => ops.pow(x, -1.5),
  },
  { op: 'Sqrt', inputs: [[5]], range: positive, y: node('Sqrt') },
  { op: 'Exp', inputs: [[5]], y: node('Exp') },
  { op: 'Log', inputs: [[5]], range: positive, y: node('Log') },
  { op: 'Relu', inputs: [[12]], y: node('Relu') },
  { op: 'Max', inputs: [[12], [1]], y: node('Max') },
  { op: 'Min', inputs: [[3, 4], [4]], y: node('Min') },
  { op: 'Clip', inputs: [[12]], y: (ops, x) => ops.clip(x, -0.4, 0.6) },
  {
    op: 'Clip',
    about: 'without a lower limit',
    inputs: [[12]],
    y: (ops, x) => ops.builder.node('Clip', [x, '', ops.constant(0.3)]),
  },
  {
    op: 'Where',
    inputs: [[3, 4], [4]],
    y: (ops, a, b) => ops.where(ops.greater(a, b), ops.mul(a, a), ops.mul(2, b)),
  },
  { op: 'ReduceSum', about: 'rows', inputs: [[3, 4]], y: (ops, x) => ops.sum(x, [1]) },
  { op: 'ReduceSum', about: 'all, kept', inputs: [[3, 4]], y: (ops, x) => ops.sum(x, undefined, true) },
  {
    op: 'ReduceMean',
    about: 'first and last axis',
    inputs: [[2, 3, 4]],
    y: (ops, x) => ops.mean(x, [0, -1]),
  },
  { op: 'ReduceMean', about: 'all', inputs: [[2, 3]], y: (ops, x) => ops.mean(x) },
  { op: 'Expand', inputs: [[3, 1]], y: (ops, x) => ops.expand(x, [2, 3, 4]) },
  { op: 'Transpose', inputs: [[2, 3, 4]], y: (ops, x) => ops.transpose(x, [1, 2, 0]) },
  { op: 'Transpose', about: 'without perm', inputs: [[2, 3]], y: node('Transpose') },
  {
    op: 'Reshape',
    inputs: [[2, 3, 4]],
    y: (ops, x) => ops.builder.node('Reshape', [x, ops.builder.constant(i64([0, -1]))]),
  },
  {
    op: 'Concat',
    inputs: [
      [2, 1],
      [2, 3],
      [2, 2],
    ],
    y: (ops, ...xs) => ops.concat(xs, -1),
  },
  {
    op: 'MatMul',
    inputs: [
      [2, 3],
      [3, 4],
    ],
    y: node('MatMul'),
  },
  ...[0, 1].flatMap((a) =>
    [0, 1].map((b) => ({
      op: 'Gemm',
      about: `transA ${a}, transB ${b}`,
      inputs: [a ? [3, 2] : [2, 3], b ? [4, 3] : [3, 4], a ? [4] : [2, 1]],
      y: (ops: Ops, x: string, y: string, c: string) =>
        ops.gemm(x, y, { c, alpha: 1.5, beta: 0.5, transA: a === 1, transB: b === 1 }),
    })),
  ),
];
