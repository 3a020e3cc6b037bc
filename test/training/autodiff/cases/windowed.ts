// Convolutions and poolings over many attributes; onnxruntime has no float64 kernels for them.
import { attr } from '../../../../src/onnx/build.ts';
import type { Attribute } from '../../../../src/onnx/model.ts';

export type Attributes = Readonly<Record<string, Attribute>>;
export type Case = readonly [about: string, inputs: readonly (readonly number[])[], attributes: Attributes];

const ints = (...values: number[]) => attr.ints(values);
const same = (mode: string) => ({ auto_pad: attr.string(mode) });

const CONV: readonly Case[] = [
  ['3x3 with bias', [[2, 3, 6, 5], [4, 3, 3, 3], [4]], { pads: ints(1, 1, 1, 1) }],
  ['1x1', [[3, 4, 3, 3], [5, 4, 1, 1], [5]], {}],
  [
    '1x1 of few positions',
    [
      [2, 8, 1, 2],
      [6, 8, 1, 1],
    ],
    {},
  ],
  [
    '1x1, stride 2',
    [
      [2, 3, 5, 4],
      [4, 3, 1, 1],
    ],
    { strides: ints(2, 2) },
  ],
  [
    '1x1, stride 2, padded',
    [
      [2, 3, 4, 4],
      [4, 3, 1, 1],
    ],
    { strides: ints(2, 2), pads: ints(1, 0, 0, 1) },
  ],
  [
    '3x3, stride 2',
    [
      [2, 3, 7, 6],
      [4, 3, 3, 3],
    ],
    { strides: ints(2, 2) },
  ],
  [
    '3x3, stride 2, padded',
    [
      [2, 2, 6, 7],
      [3, 2, 3, 3],
    ],
    { strides: ints(2, 2), pads: ints(1, 1, 1, 1) },
  ],
  [
    'stride 3 beside 1',
    [
      [1, 2, 8, 5],
      [2, 2, 3, 2],
    ],
    { strides: ints(3, 1) },
  ],
  [
    'stride larger than the kernel',
    [
      [2, 3, 8, 8],
      [4, 3, 2, 2],
    ],
    { strides: ints(3, 3) },
  ],
  ['patches (ViT)', [[2, 3, 8, 8], [5, 3, 4, 4], [5]], { strides: ints(4, 4) }],
  [
    '1x3',
    [
      [2, 3, 4, 5],
      [4, 3, 1, 3],
    ],
    { pads: ints(0, 1, 0, 1) },
  ],
  [
    '7x1',
    [
      [1, 2, 8, 3],
      [3, 2, 7, 1],
    ],
    { pads: ints(3, 0, 3, 0) },
  ],
  [
    'asymmetric pads',
    [
      [1, 2, 5, 5],
      [3, 2, 3, 3],
    ],
    { pads: ints(0, 2, 1, 0) },
  ],
  [
    'pads beyond the kernel',
    [
      [1, 2, 3, 3],
      [2, 2, 2, 2],
    ],
    { pads: ints(2, 2, 3, 1) },
  ],
  [
    'dilated',
    [
      [2, 2, 7, 8],
      [3, 2, 3, 3],
    ],
    { dilations: ints(2, 3), pads: ints(2, 2, 2, 2) },
  ],
  [
    'dilated and strided',
    [
      [1, 2, 9, 8],
      [2, 2, 3, 2],
    ],
    { dilations: ints(2, 2), strides: ints(2, 3), pads: ints(1, 0, 2, 1) },
  ],
  [
    'same upper',
    [
      [1, 2, 6, 5],
      [3, 2, 2, 4],
    ],
    same('SAME_UPPER'),
  ],
  [
    'same lower, stride 2',
    [
      [1, 2, 6, 5],
      [3, 2, 2, 3],
    ],
    { ...same('SAME_LOWER'), strides: ints(2, 2) },
  ],
  [
    'valid',
    [
      [1, 2, 6, 5],
      [3, 2, 2, 3],
    ],
    same('VALID'),
  ],
  ['grouped', [[2, 4, 5, 5], [6, 2, 3, 3], [6]], { group: attr.int(2), pads: ints(1, 1, 1, 1) }],
  [
    'grouped 1x1',
    [
      [2, 6, 3, 3],
      [4, 3, 1, 1],
    ],
    { group: attr.int(2) },
  ],
  ['depthwise', [[2, 4, 5, 6], [4, 1, 3, 3], [4]], { group: attr.int(4), pads: ints(1, 1, 1, 1) }],
  [
    'depthwise, stride 2',
    [
      [2, 3, 7, 6],
      [3, 1, 5, 5],
    ],
    { group: attr.int(3), strides: ints(2, 2), pads: ints(2, 2, 2, 2) },
  ],
  [
    'depthwise with multiplier',
    [
      [2, 3, 5, 5],
      [6, 1, 3, 3],
    ],
    { group: attr.int(3) },
  ],
  [
    'depthwise, dilated',
    [
      [1, 3, 7, 7],
      [3, 1, 3, 3],
    ],
    { group: attr.int(3), dilations: ints(2, 2), pads: ints(2, 2, 2, 2) },
  ],
  [
    'depthwise, asymmetric pads, the last row and column unused',
    [
      [2, 3, 8, 7],
      [3, 1, 3, 2],
    ],
    { group: attr.int(3), strides: ints(2, 3), pads: ints(0, 1, 1, 0) },
  ],
  [
    'depthwise, a kernel larger than the map',
    [
      [2, 3, 1, 2],
      [3, 1, 3, 5],
    ],
    { group: attr.int(3), pads: ints(1, 2, 1, 2) },
  ],
  [
    'depthwise, one axis',
    [
      [2, 3, 7],
      [3, 1, 3],
    ],
    { group: attr.int(3), strides: ints(2), pads: ints(1, 1) },
  ],
  [
    'depthwise, three axes',
    [
      [2, 2, 4, 3, 5],
      [2, 1, 2, 3, 3],
    ],
    { group: attr.int(2), strides: ints(2, 1, 2), pads: ints(0, 1, 1, 0, 1, 1) },
  ],
  ['one axis', [[2, 3, 8], [4, 3, 3], [4]], { strides: ints(2), pads: ints(1, 1) }],
  [
    'three axes',
    [
      [1, 2, 4, 3, 4],
      [3, 2, 2, 2, 2],
    ],
    { strides: ints(2, 1, 1) },
  ],
  [
    'kernel as large as the map',
    [
      [3, 4, 3, 3],
      [5, 4, 3, 3],
    ],
    {},
  ],
];

const POOL: readonly Case[] = [
  ['2x2, stride 2', [[2, 3, 6, 6]], { kernel_shape: ints(2, 2), strides: ints(2, 2) }],
  ['3x3, stride 2', [[2, 3, 7, 7]], { kernel_shape: ints(3, 3), strides: ints(2, 2) }],
  [
    '3x3, stride 2, the last column unused',
    [[1, 2, 6, 8]],
    { kernel_shape: ints(3, 3), strides: ints(2, 2) },
  ],
  ['3x3, stride 1, padded', [[2, 2, 5, 4]], { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1) }],
  [
    'asymmetric pads',
    [[1, 2, 5, 5]],
    { kernel_shape: ints(3, 2), strides: ints(2, 1), pads: ints(0, 1, 1, 0) },
  ],
  ['ceil', [[1, 2, 6, 7]], { kernel_shape: ints(3, 3), strides: ints(2, 2), ceil_mode: attr.int(1) }],
  [
    'ceil, padded',
    [[1, 2, 6, 6]],
    { kernel_shape: ints(3, 3), strides: ints(2, 2), ceil_mode: attr.int(1), pads: ints(1, 1, 1, 1) },
  ],
  [
    'ceil, a last window left out',
    [[1, 1, 4, 4]],
    { kernel_shape: ints(1, 2), strides: ints(3, 3), ceil_mode: attr.int(1), pads: ints(0, 0, 0, 1) },
  ],
  ['same upper', [[1, 2, 5, 6]], { kernel_shape: ints(3, 2), strides: ints(2, 2), ...same('SAME_UPPER') }],
  ['same lower', [[1, 2, 5, 6]], { kernel_shape: ints(2, 3), ...same('SAME_LOWER') }],
  ['stride larger than the kernel', [[1, 2, 8, 8]], { kernel_shape: ints(2, 2), strides: ints(3, 3) }],
  ['dilated', [[1, 2, 7, 8]], { kernel_shape: ints(2, 3), dilations: ints(3, 2) }],
  ['one axis', [[2, 3, 9]], { kernel_shape: ints(3), strides: ints(2), pads: ints(1, 0) }],
];

const TRANSPOSED: readonly Case[] = [
  ['2x2, stride 2', [[2, 3, 3, 4], [3, 2, 2, 2], [2]], { strides: ints(2, 2) }],
  ['3x3, padded', [[1, 2, 4, 3], [2, 3, 3, 3], [3]], { pads: ints(1, 1, 1, 1) }],
  [
    'output padding',
    [
      [1, 2, 3, 3],
      [2, 3, 3, 3],
    ],
    { strides: ints(2, 2), pads: ints(1, 1, 1, 1), output_padding: ints(1, 0) },
  ],
  [
    'dilated, asymmetric',
    [
      [1, 2, 4, 4],
      [2, 2, 2, 3],
    ],
    { dilations: ints(2, 1), pads: ints(0, 1, 1, 0) },
  ],
  ['grouped', [[2, 4, 3, 3], [4, 2, 3, 3], [4]], { group: attr.int(2), strides: ints(2, 2) }],
  [
    'depthwise',
    [
      [2, 3, 3, 3],
      [3, 1, 3, 3],
    ],
    { group: attr.int(3), strides: ints(2, 2), pads: ints(1, 1, 1, 1) },
  ],
  [
    'output shape',
    [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    { strides: ints(2, 2), output_shape: ints(6, 6) },
  ],
  [
    'same upper',
    [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    { strides: ints(2, 2), ...same('SAME_UPPER') },
  ],
  [
    'same lower',
    [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    { strides: ints(2, 2), ...same('SAME_LOWER') },
  ],
  [
    'one axis',
    [
      [2, 3, 4],
      [3, 2, 3],
    ],
    { strides: ints(2) },
  ],
];

/** Dilated averages came with opset 19. */
const AVERAGE = POOL.filter(([about]) => about !== 'dilated');
const GLOBAL: readonly Case[] = [
  ['map', [[2, 3, 4, 5]], {}],
  ['line', [[2, 3, 4]], {}],
];

export const WINDOWED: readonly (readonly [op: string, cases: readonly Case[]])[] = [
  ['Conv', CONV],
  ['ConvTranspose', TRANSPOSED],
  ['MaxPool', POOL],
  [
    'AveragePool',
    [
      ...AVERAGE,
      ...AVERAGE.map(
        ([about, inputs, attributes]): Case => [
          `${about}, padding counts`,
          inputs,
          { ...attributes, count_include_pad: attr.int(1) },
        ],
      ),
    ],
  ],
  ['GlobalAveragePool', GLOBAL],
  ['GlobalMaxPool', GLOBAL],
];
