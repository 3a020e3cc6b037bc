// Functions of one number, and the softmax family.
import { attr } from '../../../../src/onnx/build.ts';
import { type Case, node, positive } from './case.ts';

const wide = [-4, 4] as const;
const alpha = (value: number) => ({ alpha: attr.float(value) });

export const ACTIVATIONS: readonly Case[] = [
  ...['Abs', 'Tanh', 'Sigmoid', 'Softplus', 'Sin', 'Cos', 'LeakyRelu', 'Elu', 'HardSigmoid', 'HardSwish'].map(
    (op): Case => ({ op, inputs: [[14]], range: wide, y: node(op) }),
  ),
  { op: 'Reciprocal', inputs: [[5]], range: positive, y: node('Reciprocal') },
  { op: 'LeakyRelu', about: 'with alpha', inputs: [[9]], y: node('LeakyRelu', alpha(0.3)) },
  { op: 'Elu', about: 'with alpha', inputs: [[9]], y: node('Elu', alpha(0.7)) },
  {
    op: 'HardSigmoid',
    about: 'as MobileNetV3 has it',
    inputs: [[14]],
    range: wide,
    y: node('HardSigmoid', { alpha: attr.float(1 / 6), beta: attr.float(0.4) }),
  },
  {
    op: 'PRelu',
    about: 'a slope per channel',
    inputs: [
      [2, 3, 4],
      [3, 1],
    ],
    y: node('PRelu'),
  },
  { op: 'Softmax', inputs: [[3, 4]], y: node('Softmax') },
  { op: 'Softmax', about: 'first axis', inputs: [[3, 4, 2]], y: node('Softmax', { axis: attr.int(0) }) },
  { op: 'LogSoftmax', inputs: [[2, 3, 4]], y: node('LogSoftmax', { axis: attr.int(1) }) },
  {
    op: 'Cast',
    about: 'to its own type',
    inputs: [[4]],
    y: (ops, x) => ops.mul(x, node('Cast', { to: attr.int(11) })(ops, x)),
  },
  { op: 'Identity', inputs: [[4]], y: node('Identity') },
  { op: 'Dropout', about: 'in evaluation', inputs: [[4]], y: node('Dropout') },
];
