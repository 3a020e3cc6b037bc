// Gradients of whole blocks by all their parameters, as onnxruntime computes them in float32, against the float64 reference.

import { expect, test } from 'vitest';
import { BLOCKS } from '../../fixtures/blocks.ts';
import { checkFloat32 } from './float32.ts';

test.each(Object.entries(BLOCKS))('%s', async (_, block) => {
  const { model, inputs, parameters } = block();
  const names = Object.keys(inputs);
  const errors = await checkFloat32({ model, inputs, parameters: [...parameters, ...names], samples: 6 });
  expect(errors.gradient).toBeGreaterThan(0);
});
