import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileKernels, GENERATED } from '../../scripts/wasm.ts';

test('kernels-wasm.ts is what the kernels compile to', () => {
  expect(compileKernels()).toBe(readFileSync(GENERATED, 'utf8'));
});
