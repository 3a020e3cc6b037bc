// `npm run build:avx2`: compiles hnswlib-node again with AVX2 and FMA, where this CPU has them. Such a build dies on a CPU
// without them, so the portable one stays what `npm ci` makes; `npm rebuild hnswlib-node` brings it back.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AVX2_MARK, cpuHasAvx2 } from '../src/cli/cpu.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!cpuHasAvx2()) {
  console.error('This CPU does not say that it has AVX2 and FMA: the portable build stays.');
  process.exit(1);
}
const env = { ...process.env, CXXFLAGS: '-O3 -mavx2 -mfma' };
const { status } = spawnSync('npm', ['rebuild', 'hnswlib-node'], { cwd: root, env, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
// A rebuild clears the folder, this file with it: the mark is there exactly as long as the build is.
writeFileSync(AVX2_MARK, `${env.CXXFLAGS}\n`);
