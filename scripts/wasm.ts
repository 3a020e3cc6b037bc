// Assembles src/math/scan.wat into src/math/scan-wasm.ts. To be run after the .wat was changed; a test compares the two.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabtReady from 'wabt';

const path = (file: string) => fileURLToPath(new URL(`../src/math/${file}`, import.meta.url));

/** The bytes of the module, base64. */
export async function assemble(): Promise<string> {
  const wabt = await wabtReady();
  const parsed = wabt.parseWat('scan.wat', readFileSync(path('scan.wat'), 'utf8'), { simd: true });
  parsed.validate();
  return Buffer.from(parsed.toBinary({}).buffer).toString('base64');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = (await assemble()).match(/.{1,100}/g)!.map((line) => `  '${line}'`);
  writeFileSync(
    path('scan-wasm.ts'),
    `// scan.wat, assembled by scripts/wasm.ts. Not to be edited.\n\nexport const SCAN_WASM =\n${lines.join(' +\n')};\n`,
  );
}
