// Compiles src/math/kernels/{scan,score,walk}.ts into one module, src/math/kernels-wasm.ts. To be run after a kernel was changed; a
// test compares the two.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory'];
const MATH = fileURLToPath(new URL('../src/math/', import.meta.url));
export const GENERATED = join(MATH, 'kernels-wasm.ts');

/** The text of the generated module. */
export function compileKernels(): string {
  const folder = mkdtempSync(join(tmpdir(), 'attractor-wasm-'));
  try {
    const asc = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');
    const out = join(folder, 'kernel.wasm');
    const entries = ['scan', 'score', 'walk'].map((name) => join(MATH, 'kernels', `${name}.ts`));
    execFileSync(process.execPath, [asc, ...entries, ...OPTIONS, '--enable', 'simd', '-o', out], {
      stdio: 'inherit',
    });
    const lines = readFileSync(out, 'base64')
      .match(/.{1,100}/g)!
      .map((line) => `  '${line}'`);
    const opening = '// kernels/*.ts, compiled by scripts/wasm.ts. Not to be edited.';
    return `${opening}\n\nexport const KERNELS_WASM =\n${lines.join(' +\n')};\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(GENERATED, compileKernels());
}
