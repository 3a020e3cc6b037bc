import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileKernel, KERNELS } from '../../scripts/wasm.ts';

test.each(KERNELS)('%s-wasm.ts is what the kernel compiles to', (name) => {
  const generated = readFileSync(new URL(`../../src/math/${name}-wasm.ts`, import.meta.url), 'utf8');
  expect(compileKernel(name)).toBe(generated);
});
