// Compiles src/math/kernels/*.ts into the two modules of src/math/kernels-wasm.ts: of memories that threads share, and of others. To be
// run after a kernel was changed; a test compares the two.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OPTIONS = [
  '-O3',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--noExportMemory',
  '--enable',
  'simd',
];
const SHARED = ['--enable', 'threads', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65535'];
const MATH = fileURLToPath(new URL('../src/math/', import.meta.url));
export const GENERATED = join(MATH, 'kernels-wasm.ts');

/** The text of the generated file. */
export function compileKernels(): string {
  return [
    '// kernels/*.ts, compiled by scripts/wasm.ts. Not to be edited.',
    `/** scan.ts and walk.ts: a memory that threads share. */\n${compiled('COPIES_WASM', ['scan', 'walk'], SHARED)}`,
    `/** score.ts: a memory of one thread. */\n${compiled('SCORE_WASM', ['score'], [])}\n`,
  ].join('\n\n');
}

function compiled(name: string, kernels: readonly string[], options: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'attractor-wasm-'));
  try {
    const asc = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');
    const out = join(folder, 'kernel.wasm');
    const entries = kernels.map((kernel) => join(MATH, 'kernels', `${kernel}.ts`));
    execFileSync(process.execPath, [asc, ...entries, ...OPTIONS, ...options, '-o', out], {
      stdio: 'inherit',
    });
    const lines = readFileSync(out, 'base64')
      .match(/.{1,100}/g)!
      .map((line) => `  '${line}'`);
    return `export const ${name} =\n${lines.join(' +\n')};`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(GENERATED, compileKernels());
}
