// What hnswlib-node was compiled for, and what this CPU could run. Only the doctor and scripts/build-avx2.ts ask.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PACKAGE = dirname(createRequire(import.meta.url).resolve('hnswlib-node/package.json'));

/** Written by scripts/build-avx2.ts beside the binary that it made. */
export const AVX2_MARK = join(PACKAGE, 'build', 'Release', 'avx2');

/** False also where the system does not say. */
export function cpuHasAvx2(): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(read('/proc/cpuinfo'))?.[1]?.split(' ') ?? [];
  return flags.includes('avx2') && flags.includes('fma');
}

export function builtForAvx2(): boolean {
  return read(AVX2_MARK) !== '';
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
