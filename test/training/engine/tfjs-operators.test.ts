// Every operator of the tfjs engine against onnxruntime's kernel and autodiff's rule: value and gradients.

import { describe, expect, test } from 'vitest';
import { attr } from '../../../src/onnx/build.ts';
import type { Attribute } from '../../../src/onnx/model.ts';
import { f32, i64 } from '../../../src/onnx/tensor.ts';
import { RULES } from '../../../training/autodiff/rules/index.ts';
import { OPERATORS } from '../../../training/engine/tfjs/operators/index.ts';
import { tfjsEngineOn } from '../../../training/engine/tfjs.ts';
import type { Ops } from '../../../training/graph/ops.ts';
import { difference, type Piece, pieceGraph } from './agreement.ts';

type Attributes = Readonly<Record<string, Attribute>>;
type Case = readonly [op: string, about: string, piece: Piece];
type Dims = readonly number[];

const POSITIVE = [0.5, 2] as const;
const WIDE = [-4, 4] as const;
const ints = (...values: number[]) => attr.ints(values);
const int = attr.int;
const float = attr.float;
const same = (mode: string) => ({ auto_pad: attr.string(mode) });
const whole = (ops: Ops, ...values: number[]) => ops.builder.constant(i64(values));

/** One node with all inputs as parameters. */
const node = (
  op: string,
  about: string,
  inputs: readonly Dims[],
  attributes: Attributes = {},
  range?: Piece['range'],
): Case => [op, about, { inputs, range, y: (ops, ...names) => ops.builder.node(op, names, attributes) }];
/** One that takes whole numbers after its first input. */
const shaped = (
  op: string,
  about: string,
  dims: Dims,
  rest: readonly (readonly number[])[],
  attributes: Attributes = {},
): Case => [
  op,
  about,
  {
    inputs: [dims],
    y: (ops, x) => ops.builder.node(op, [x, ...rest.map((values) => whole(ops, ...values))], attributes),
  },
];
const built = (
  op: string,
  about: string,
  inputs: readonly Dims[],
  y: Piece['y'],
  range?: Piece['range'],
): Case => [op, about, { inputs, range, y }];

const ELEMENTWISE: readonly Case[] = [
  node('Add', 'broadcast both ways', [
    [3, 1],
    [1, 4],
  ]),
  node('Sub', 'of higher rank', [[2, 3, 4], [4]]),
  node('Mul', 'with a scalar', [[3, 2], []]),
  node(
    'Div',
    'broadcast',
    [
      [3, 2],
      [3, 1],
    ],
    {},
    POSITIVE,
  ),
  node('Max', 'broadcast', [[12], [1]]),
  node('Min', 'broadcast', [[3, 4], [4]]),
  node('Sum', 'of three', [[3, 4], [4], []]),
  node('Mean', 'of three', [[3, 4], [4], [3, 1]]),
  built('Pow', 'cubed', [[7]], (ops, x) => ops.pow(x, 3)),
  built('Pow', 'squared', [[7]], (ops, x) => ops.pow(x, 2)),
  built('Pow', 'a root', [[7]], (ops, x) => ops.pow(x, 0.5), POSITIVE),
  built('Pow', 'a negative fraction', [[7]], (ops, x) => ops.pow(x, -1.5), POSITIVE),
  ...['Abs', 'Erf', 'Exp', 'HardSwish', 'Identity', 'Neg', 'Relu', 'Sigmoid', 'Softplus', 'Tanh'].map((op) =>
    node(op, 'of a map', [[2, 3, 4, 5]], {}, WIDE),
  ),
  ...['Log', 'Reciprocal', 'Sqrt'].map((op) => node(op, 'of a list', [[9]], {}, POSITIVE)),
  node('Abs', 'at 0', [[5]], {}, [0, 0]),
  node('HardSigmoid', 'default', [[20]], {}, WIDE),
  node('HardSigmoid', 'of MobileNet', [[20]], { alpha: float(1 / 6), beta: float(0.5) }, WIDE),
  node('LeakyRelu', 'default', [[20]], {}, WIDE),
  node('Elu', 'alpha 0.5', [[20]], { alpha: float(0.5) }, WIDE),
  node(
    'PRelu',
    'a slope per channel',
    [
      [2, 3, 4, 5],
      [3, 1, 1],
    ],
    {},
    WIDE,
  ),
  ...['Cos', 'Sin'].map((op) => node(op, 'of a list', [[9]], {}, WIDE)),
  node('Dropout', 'when not training', [[8]]),
  built('Clip', 'both limits', [[20]], (ops, x) => ops.clip(x, -0.4, 0.6)),
  built('Clip', 'at a limit', [[4]], (ops, x) => ops.clip(x, 0, 6), [0, 0]),
  built('Clip', 'no lower limit', [[20]], (ops, x) => ops.node('Clip', [x, '', ops.constant(0.3)])),
  built(
    'Gelu',
    'by its parts',
    [[20]],
    (ops, x) => ops.mul(ops.mul(x, 0.5), ops.add(ops.erf(ops.mul(x, Math.SQRT1_2)), 1)),
    WIDE,
  ),
  built('Where', 'and a comparison', [[3, 4], [4]], (ops, a, b) =>
    ops.where(ops.greater(a, b), ops.mul(a, a), ops.mul(2, b)),
  ),
  ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal'].map((op) =>
    built(op, 'as a mask', [[3, 4], [4]], (ops, a, b) =>
      ops.mul(ops.mask(ops.node(op, [a, b])), ops.add(a, b)),
    ),
  ),
  built('And', 'with Or, Not', [[3, 4], [4]], (ops, a, b) => {
    const [up, down] = [ops.greater(a, 0.2), ops.less(b, 0.4)];
    const either = ops.node('Or', [ops.node('And', [up, down]), ops.node('Not', [up])]);
    return ops.mul(ops.mask(either), ops.mul(a, b));
  }),
  built(
    'Cast',
    'to whole numbers and back lets nothing through',
    [[20]],
    (ops, x) => {
      const cut = ops.node('Cast', [ops.node('Cast', [x], { to: int(7) })], { to: int(1) });
      return ops.mul(x, cut);
    },
    WIDE,
  ),
];

const SHAPES: readonly Case[] = [
  shaped('Reshape', '0 and -1', [2, 3, 4], [[0, -1]]),
  node('Flatten', 'of a map', [[2, 3, 4, 5]]),
  node('Transpose', 'perm', [[2, 3, 4]], { perm: ints(1, 2, 0) }),
  node('Transpose', 'reversed', [[2, 3, 4]]),
  shaped('Expand', 'before and inside', [3, 1], [[2, 3, 4]]),
  shaped('Squeeze', 'axes', [2, 1, 3, 1], [[1, -1]]),
  shaped('Unsqueeze', 'axes', [2, 3], [[0, 3]]),
  node(
    'Concat',
    'last axis',
    [
      [2, 1],
      [2, 3],
      [2, 2],
    ],
    { axis: int(-1) },
  ),
  shaped(
    'Slice',
    'a part',
    [4, 5],
    [
      [1, -3],
      [3, 2 ** 31],
      [0, 1],
    ],
  ),
  shaped(
    'Slice',
    'every second, backwards',
    [7, 5],
    [
      [0, -1],
      [7, -(2 ** 31)],
      [0, 1],
      [3, -2],
    ],
  ),
  shaped('Pad', 'both sides', [2, 3], [[1, 0, 2, 3]]),
  shaped('Pad', 'and cut', [4, 5], [[-1, 2, 0, -1]]),
  shaped('Tile', 'both axes', [2, 3], [[2, 3]]),
  built('Split', 'uneven', [[2, 7]], (ops, x) => {
    const [a, b, c] = ops.builder.node('Split', [x, whole(ops, 2, 2, 3)], { axis: int(1) }, { outputs: 3 });
    return ops.concat([ops.mul(a!, b!), c!], 1);
  }),
  built('Shape', 'of a map into a reshape', [[2, 3, 4]], (ops, x) => {
    const rows = ops.node('Gather', [ops.node('Shape', [x]), whole(ops, 0)], { axis: int(0) });
    return ops.node('Reshape', [x, ops.concat([rows, whole(ops, -1)], 0)]);
  }),
];

const REDUCTIONS: readonly Case[] = [
  ...['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceSumSquare'].flatMap((op) => [
    shaped(op, 'one axis', [3, 4], [[1]], { keepdims: int(0) }),
    shaped(op, 'maps', [2, 3, 4, 5], [[2, -1]]),
    node(op, 'all', [[3, 4]]),
  ]),
  node('ReduceMax', 'of equal numbers', [[3, 4]], {}, [0.5, 0.5]),
  node('ReduceL2', 'of nothing', [[3, 4]], {}, [0, 0]),
  node('Softmax', 'last axis', [[2, 3, 5]], { axis: int(-1) }, WIDE),
  node('Softmax', 'a middle axis', [[2, 3, 5]], { axis: int(1) }, WIDE),
  node('LogSoftmax', 'last axis', [[4, 5]], {}, WIDE),
];

const PRODUCTS: readonly Case[] = [
  node('MatMul', 'matrices', [
    [2, 3],
    [3, 4],
  ]),
  node('MatMul', 'many by one', [
    [2, 3, 4],
    [4, 5],
  ]),
  node('MatMul', 'many by many', [
    [2, 3, 4, 5],
    [2, 3, 5, 4],
  ]),
  node('MatMul', 'broadcast', [
    [2, 1, 4, 5],
    [3, 5, 4],
  ]),
  ...[0, 1].flatMap((a) =>
    [0, 1].map((b) =>
      node('Gemm', `transA ${a}, transB ${b}`, [a ? [3, 2] : [2, 3], b ? [4, 3] : [3, 4], a ? [4] : [2, 1]], {
        ...{ transA: int(a), transB: int(b), alpha: float(1.5), beta: float(0.5) },
      }),
    ),
  ),
  node('InstanceNormalization', 'maps', [[2, 3, 4, 5], [3], [3]]),
  node('LayerNormalization', 'last axis', [[2, 3, 8], [8], [8]]),
  ...[0, 1].map((training) =>
    built(
      'BatchNormalization',
      training ? 'of the batch' : 'frozen',
      [[4, 3, 4, 5], [3], [3]],
      (ops, x, scale, bias) => {
        const mean = ops.builder.constant(f32([3], [0.1, -0.2, 0.3]));
        const variance = ops.builder.constant(f32([3], [0.5, 1, 2]));
        const attributes = { training_mode: int(training), epsilon: float(1e-3) };
        const inputs = [x!, scale!, bias!, mean, variance];
        return ops.builder.node('BatchNormalization', inputs, attributes, { outputs: training ? 3 : 1 })[0]!;
      },
    ),
  ),
];

const SELECTIONS: readonly Case[] = [
  built('Gather', 'rows, some twice', [[5, 3]], (ops, x) => ops.gather(x, whole(ops, 4, 0, 4, -2))),
  built('Gather', 'of a middle axis', [[2, 5, 3]], (ops, x) =>
    ops.gather(x, ops.builder.constant(i64([1, 1, 4, 0], [2, 2])), 1),
  ),
  built('GatherElements', 'along rows', [[3, 4]], (ops, x) =>
    ops.node('GatherElements', [x, ops.builder.constant(i64([0, 2, 2, 1, -1, 0], [3, 2]))], { axis: int(1) }),
  ),
  built('GatherND', 'pairs', [[3, 4, 2]], (ops, x) =>
    ops.node('GatherND', [x, ops.builder.constant(i64([0, 1, 2, 3, 0, 1], [3, 2]))]),
  ),
  built(
    'ScatterElements',
    'adding',
    [
      [3, 4],
      [2, 4],
    ],
    (ops, x, updates) =>
      ops.scatterAdd(x, ops.builder.constant(i64([0, 2, 2, 1, 0, 0, 2, 1], [2, 4])), updates),
  ),
  built(
    'ScatterElements',
    'replacing',
    [
      [3, 4],
      [2, 4],
    ],
    (ops, x, updates) =>
      ops.node('ScatterElements', [x, ops.builder.constant(i64([0, 2, 2, 1, 1, 0, 0, 2], [2, 4])), updates]),
  ),
  built(
    'ScatterND',
    'replacing rows',
    [
      [4, 3],
      [2, 3],
    ],
    (ops, x, updates) => ops.node('ScatterND', [x, ops.builder.constant(i64([2, 0], [2, 1])), updates]),
  ),
  built('ScatterND', 'adding', [[4, 3], [3]], (ops, x, updates) =>
    ops.node('ScatterND', [x, ops.builder.constant(i64([2, 0, 1, 1, 2, 0], [3, 2])), updates], {
      reduction: attr.string('add'),
    }),
  ),
  built(
    'TopK',
    'largest',
    [[3, 7]],
    (ops, x) => ops.builder.node('TopK', [x, whole(ops, 3)], { axis: int(1) }, { outputs: 2 })[0]!,
  ),
  built(
    'TopK',
    'smallest of columns',
    [[6, 3]],
    (ops, x) =>
      ops.builder.node('TopK', [x, whole(ops, 2)], { axis: int(0), largest: int(0) }, { outputs: 2 })[0]!,
  ),
  built('ArgMax', 'as an index', [[3, 7]], (ops, x) =>
    ops.node('GatherElements', [x, ops.node('ArgMax', [x], { axis: int(1) })], { axis: int(1) }),
  ),
];

const pads = (...values: number[]) => ({ pads: ints(...values) });
const strides = (...values: number[]) => ({ strides: ints(...values) });
const CONVOLUTIONS: readonly Case[] = [
  node('Conv', '3x3 with bias', [[2, 3, 6, 5], [4, 3, 3, 3], [4]], pads(1, 1, 1, 1)),
  node(
    'Conv',
    '1x1, stride 2',
    [
      [2, 3, 5, 4],
      [4, 3, 1, 1],
    ],
    strides(2, 2),
  ),
  node(
    'Conv',
    '3x3, stride 2',
    [
      [2, 2, 6, 7],
      [3, 2, 3, 3],
    ],
    { ...strides(2, 2), ...pads(1, 1, 1, 1) },
  ),
  node(
    'Conv',
    'stride above the kernel',
    [
      [2, 3, 8, 8],
      [4, 3, 2, 2],
    ],
    strides(3, 3),
  ),
  node(
    'Conv',
    'unequal strides',
    [
      [1, 2, 8, 5],
      [2, 2, 3, 2],
    ],
    strides(3, 1),
  ),
  node(
    'Conv',
    '1x7',
    [
      [2, 3, 4, 8],
      [4, 3, 1, 7],
    ],
    pads(0, 3, 0, 3),
  ),
  node(
    'Conv',
    'asymmetric pads',
    [
      [1, 2, 5, 5],
      [3, 2, 3, 3],
    ],
    pads(0, 2, 1, 0),
  ),
  node(
    'Conv',
    'same upper',
    [
      [1, 2, 6, 5],
      [3, 2, 2, 4],
    ],
    { ...same('SAME_UPPER'), ...strides(2, 2) },
  ),
  node(
    'Conv',
    'same lower',
    [
      [1, 2, 6, 5],
      [3, 2, 2, 3],
    ],
    same('SAME_LOWER'),
  ),
  node(
    'Conv',
    'dilated and strided',
    [
      [1, 2, 9, 8],
      [2, 2, 3, 2],
    ],
    { dilations: ints(2, 2), ...strides(2, 3), ...pads(1, 0, 2, 1) },
  ),
  node('Conv', 'grouped', [[2, 4, 5, 5], [6, 2, 3, 3], [6]], { group: int(2), ...pads(1, 1, 1, 1) }),
  node('Conv', 'depthwise', [[2, 4, 5, 6], [4, 1, 3, 3], [4]], { group: int(4), ...pads(1, 1, 1, 1) }),
  node(
    'Conv',
    'depthwise, stride 2',
    [
      [2, 3, 7, 6],
      [3, 1, 5, 5],
    ],
    { group: int(3), ...strides(2, 2), ...pads(2, 2, 2, 2) },
  ),
  node(
    'Conv',
    'depthwise, multiplied',
    [
      [2, 3, 5, 5],
      [6, 1, 3, 3],
    ],
    { group: int(3) },
  ),
  node(
    'Conv',
    'depthwise, dilated',
    [
      [1, 3, 7, 7],
      [3, 1, 3, 3],
    ],
    { group: int(3), dilations: ints(2, 2), ...pads(2, 2, 2, 2) },
  ),
  node('ConvTranspose', '2x2, stride 2', [[2, 3, 3, 4], [3, 2, 2, 2], [2]], strides(2, 2)),
  node(
    'ConvTranspose',
    'output padding',
    [
      [1, 2, 3, 3],
      [2, 3, 3, 3],
    ],
    { ...strides(2, 2), ...pads(1, 1, 1, 1), output_padding: ints(1, 0) },
  ),
  node(
    'ConvTranspose',
    'dilated, asymmetric',
    [
      [1, 2, 4, 4],
      [2, 2, 2, 3],
    ],
    { dilations: ints(2, 1), ...pads(0, 1, 1, 0) },
  ),
  node('ConvTranspose', 'grouped', [[2, 4, 3, 3], [4, 2, 3, 3], [4]], { group: int(2), ...strides(2, 2) }),
  node(
    'ConvTranspose',
    'same upper',
    [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    { ...strides(2, 2), ...same('SAME_UPPER') },
  ),
  node(
    'ConvTranspose',
    'output shape',
    [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    { ...strides(2, 2), output_shape: ints(6, 6) },
  ),
];

const kernel = (...values: number[]) => ({ kernel_shape: ints(...values) });
const POOLS: readonly (readonly [about: string, dims: Dims, Attributes])[] = [
  ['2x2, stride 2', [2, 3, 6, 6], { ...kernel(2, 2), ...strides(2, 2) }],
  ['3x3, stride 2, the last column unused', [1, 2, 6, 8], { ...kernel(3, 3), ...strides(2, 2) }],
  ['3x3, stride 1, padded', [2, 2, 5, 4], { ...kernel(3, 3), ...pads(1, 1, 1, 1) }],
  ['asymmetric pads', [1, 2, 5, 5], { ...kernel(3, 2), ...strides(2, 1), ...pads(0, 1, 1, 0) }],
  [
    'ceil, padded',
    [1, 2, 6, 6],
    { ...kernel(3, 3), ...strides(2, 2), ceil_mode: int(1), ...pads(1, 1, 1, 1) },
  ],
  ['same upper', [1, 2, 5, 6], { ...kernel(3, 2), ...strides(2, 2), ...same('SAME_UPPER') }],
  ['stride above the kernel', [1, 2, 8, 8], { ...kernel(2, 2), ...strides(3, 3) }],
];
const POOLING: readonly Case[] = [
  ...POOLS.map(([about, dims, attributes]) => node('MaxPool', about, [dims], attributes)),
  node(
    'MaxPool',
    'of negative numbers',
    [[2, 2, 6, 6]],
    { ...kernel(3, 3), ...strides(2, 2), ...pads(1, 1, 1, 1) },
    [-3, -1],
  ),
  ...POOLS.map(([about, dims, attributes]) => node('AveragePool', about, [dims], attributes)),
  ...POOLS.map(([about, dims, attributes]) =>
    node('AveragePool', `${about}, padding counts`, [dims], { ...attributes, count_include_pad: int(1) }),
  ),
  node('GlobalAveragePool', 'a map', [[2, 3, 4, 5]]),
  node('GlobalMaxPool', 'a map', [[2, 3, 4, 5]]),
];

const CASES = [
  ...ELEMENTWISE,
  ...SHAPES,
  ...REDUCTIONS,
  ...PRODUCTS,
  ...SELECTIONS,
  ...CONVOLUTIONS,
  ...POOLING,
];
const tolerance = 2e-5;

test('has every operator that autodiff has, and a case for each that a gradient goes through', () => {
  const known = Object.keys(OPERATORS);
  expect(Object.keys(RULES).filter((op) => !known.includes(op))).toEqual([]);
  const tested = new Set(CASES.map(([op]) => op));
  expect(Object.keys(RULES).filter((op) => RULES[op]!.gradient && !tested.has(op))).toEqual([]);
});

describe('agrees with onnxruntime', () => {
  test.each(CASES)('%s: %s', async (_op, _about, piece) => {
    const { lossError, gradients } = await difference(pieceGraph(piece), {});
    expect(lossError).toBeLessThan(tolerance);
    for (const [name, error] of Object.entries(gradients)) expect(error, name).toBeLessThan(tolerance);
  });
});

describe("agrees with TensorFlow.js's own gradients, on the cpu backend", () => {
  const own = CASES.filter(([op]) => ['Conv', 'MaxPool', 'AveragePool', 'MatMul', 'Gemm'].includes(op));
  test.each(own)('%s: %s', async (_op, _about, piece) => {
    const { lossError, gradients } = await difference(pieceGraph(piece), {}, tfjsEngineOn('cpu'));
    expect(lossError).toBeLessThan(tolerance);
    for (const [name, error] of Object.entries(gradients)) expect(error, name).toBeLessThan(tolerance);
  });
});
