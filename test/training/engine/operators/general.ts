// Operators other than convolutions and pools: element by element, shapes, reductions, products, selections.

import { attr } from '../../../../src/onnx/build.ts';
import { f32, i64 } from '../../../../src/onnx/tensor.ts';
import { built, type Case, float, int, ints, node, POSITIVE, shaped, WIDE, whole } from './case.ts';

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
  built('Max', 'with a number', [[12]], (ops, x) => ops.max(x, 0.2)),
  built(
    'Min',
    'of a row, a column and a number',
    [
      [1, 4],
      [3, 1],
    ],
    (ops, a, b) => ops.min(ops.min(a, b), 0.1),
  ),
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
  built(
    'Where',
    'with numbers and a mask of rows',
    [
      [3, 4],
      [3, 1],
    ],
    (ops, a, b) => ops.mul(b, ops.where(ops.greater(b, 0), a, 0.5)),
  ),
  ...[0, 2 ** 30].map((offset) =>
    built('Equal', `of a column and a row of whole numbers from ${offset}`, [[4, 4]], (ops, x) => {
      const values = [0, 1, 2, 1].map((value) => value + offset);
      const [column, row] = [
        [4, 1],
        [1, 4],
      ].map((dims) => ops.builder.constant(i64(values, dims)));
      return ops.mul(x, ops.mask(ops.equal(column!, row!)));
    }),
  ),
  built(
    'Or',
    'of rows and columns',
    [
      [3, 1],
      [1, 4],
    ],
    (ops, a, b) => ops.mul(ops.mask(ops.node('Or', [ops.greater(a, 0), ops.less(b, 0.1)])), ops.add(a, b)),
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

export const CASES: readonly Case[] = [...ELEMENTWISE, ...SHAPES, ...REDUCTIONS, ...PRODUCTS, ...SELECTIONS];
