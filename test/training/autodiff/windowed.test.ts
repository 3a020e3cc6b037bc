// Rules whose operators have no float64 kernel: float32 kernels and our gradients against the float64 reference.

import { describe, test } from 'vitest';
import { attr } from '../../../src/onnx/build.ts';
import { NARROW } from './cases/narrow.ts';
import { WINDOWED } from './cases/windowed.ts';
import { checkFloat32, oneNode } from './float32.ts';

describe.each(WINDOWED)('%s', (op, cases) => {
  test.each(cases)('%s', async (_, inputs, attributes) => {
    await checkFloat32({ ...oneNode({ op, inputs, attributes }), samples: 60 });
  });
});

test.each(NARROW)('$op $about', async ({ op, inputs, attributes, range, opset }) => {
  await checkFloat32({ ...oneNode({ op, inputs, attributes, range }), opset });
});

test('max pooling of negative numbers', async () => {
  const ints = (...values: number[]) => attr.ints(values);
  const attributes = { kernel_shape: ints(3, 3), strides: ints(2, 2), pads: ints(1, 1, 1, 1) };
  await checkFloat32(oneNode({ op: 'MaxPool', inputs: [[2, 2, 6, 6]], attributes, range: [-3, -1] }));
});
