// Convolutions and pools over feature maps.

import { type Attributes, type Case, type Dims, int, ints, node, same } from './case.ts';

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

export const MAP_CASES: readonly Case[] = [...CONVOLUTIONS, ...POOLING];
