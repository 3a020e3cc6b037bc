// Batch normalisation in both modes, and layer normalisation.
import { attr } from '../../../../src/onnx/build.ts';
import type { Ops } from '../../../../training/graph/ops.ts';
import type { Case } from './case.ts';

const running = (ops: Ops) => [ops.tensor([3], [0.1, -0.2, 0.3]), ops.tensor([3], [0.5, 1.5, 1])];
const frozen = (ops: Ops, ...inputs: string[]) =>
  ops.builder.node('BatchNormalization', [...inputs, ...running(ops)], { epsilon: attr.float(0.01) });
const training = (ops: Ops, ...inputs: string[]) =>
  ops.builder.node(
    'BatchNormalization',
    [...inputs, ...running(ops)],
    { training_mode: attr.int(1) },
    { outputs: 3 },
  )[0]!;
const layer =
  (axis: number, outputs: number) =>
  (ops: Ops, ...inputs: string[]) =>
    ops.builder.node('LayerNormalization', inputs, { axis: attr.int(axis) }, { outputs })[0]!;

export const NORMALIZATION: readonly Case[] = [
  { op: 'BatchNormalization', about: 'frozen', inputs: [[2, 3, 2, 2], [3], [3]], y: frozen },
  { op: 'BatchNormalization', about: 'frozen, of a matrix', inputs: [[4, 3], [3], [3]], y: frozen },
  { op: 'BatchNormalization', about: 'training', inputs: [[3, 3, 2, 2], [3], [3]], y: training },
  { op: 'BatchNormalization', about: 'training, of a matrix', inputs: [[5, 3], [3], [3]], y: training },
  { op: 'LayerNormalization', about: 'last axis', inputs: [[2, 3, 4], [4], [4]], y: layer(-1, 1) },
  {
    op: 'LayerNormalization',
    about: 'without bias, with statistics',
    inputs: [[3, 4], [4]],
    y: layer(-1, 3),
  },
  {
    op: 'LayerNormalization',
    about: 'two axes',
    inputs: [
      [2, 3, 4],
      [3, 4],
      [3, 4],
    ],
    y: layer(1, 1),
  },
  {
    op: 'LayerNormalization',
    about: 'a scale that is spread',
    inputs: [[2, 3, 4], [4], [1, 4]],
    y: layer(1, 1),
  },
];
