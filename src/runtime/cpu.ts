// What this CPU can do that decides how a graph is opened. Linux says; elsewhere nothing is known.

import { readFileSync } from 'node:fs';

let vnni: boolean | undefined;

/** Whether products of bytes are summed in 32 bits at once (AVX-VNNI, AVX512-VNNI, AMX). False where the system does not say. */
export function cpuHasVnni(): boolean {
  vnni ??= /^flags\s*:.*\b(avx512_vnni|avx_vnni|amx_int8)\b/m.test(cpuinfo());
  return vnni;
}

function cpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
