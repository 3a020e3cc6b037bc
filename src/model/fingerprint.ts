// A model's identity: equal fingerprints make comparable vectors, different ones never meet in a query.

import { createHash } from 'node:crypto';
import type { PreprocessContract } from '../image/contract.ts';

/**
 * `sha256:<hex>` over the graph bytes and the canonical JSON (sorted keys, no spaces) of the preprocessing
 * contract, each behind its length as a 64-bit little-endian integer, so that the two cannot run into each other.
 */
export function fingerprint(options: { graph: Uint8Array; preprocess: PreprocessContract }): string {
  const hash = createHash('sha256');
  for (const part of [options.graph, Buffer.from(canonicalJson(options.preprocess))]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    hash.update(length).update(part);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** JSON with the keys of every object sorted, so that equal values give equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
