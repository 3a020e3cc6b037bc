// The SIMD scan against the plain inner product: every length, several blocks, lists and runs, rows that moved.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assemble } from '../../scripts/wasm.ts';
import { dot } from '../../src/math/dot.ts';
import { createRng } from '../../src/math/rng.ts';
import { SCAN_WASM } from '../../src/math/scan-wasm.ts';
import { VectorRows } from '../../src/math/vector-rows.ts';
import { randomUnit } from '../reference/nearest.ts';

test('scan-wasm.ts is what scan.wat assembles to', async () => {
  expect(await assemble()).toBe(SCAN_WASM);
});

test('visits exactly the wanted rows, with their inner products', () => {
  fc.assert(
    fc.property(
      fc.record({
        dimension: fc.integer({ min: 1, max: 70 }),
        rows: fc.integer({ min: 0, max: 3500 }),
        share: fc.constantFrom(0, 0.01, 0.3, 0.7, 1),
        first: fc.nat(3500),
        seed: fc.nat(),
      }),
      ({ dimension, rows: count, share, first, seed }) => {
        const rng = createRng(seed);
        // One chunk a block: most scans cross blocks.
        const rows = new VectorRows({ dimension, blockBytes: 1 });
        const vectors = Array.from({ length: count }, () => randomUnit(rng, dimension));
        for (const vector of vectors) rows.push(vector);
        const wanted = Uint8Array.from({ length: count }, () => (rng.next() < share ? 1 : 0));
        const query = randomUnit(rng, dimension);
        const seen: number[] = [];
        rows.scan({
          vector: query,
          first,
          wanted,
          visit: (row, score) => {
            seen.push(row);
            const exact = dot(vectors[row]!, 0, query, 0, dimension);
            expect(Math.abs(score - exact)).toBeLessThan(1e-6);
            expect(rows.score(row, query)).toBe(exact);
          },
        });
        expect(seen).toEqual([...wanted.keys()].filter((row) => row >= first && wanted[row] === 1));
      },
    ),
    { numRuns: 40 },
  );
});

test('rows that moved, were cut and came again hold no rest of what was there', () => {
  const rows = new VectorRows({ dimension: 3, blockBytes: 1 });
  for (let i = 0; i < 3000; i++) rows.push(Float32Array.of(i, i, i));
  for (let i = 0; i < 1000; i++) rows.move(3 * i, i);
  rows.cut(1000);
  const bytes = rows.bytes;
  rows.push(Float32Array.of(1, 2, 3));
  expect(rows.rows).toBe(1001);
  expect(rows.bytes).toBe(bytes);
  expect([...rows.vector(999)]).toEqual([2997, 2997, 2997]);
  const scores: number[] = [];
  const wanted = new Uint8Array(1001).fill(1);
  rows.scan({ vector: Float32Array.of(1, 0, 0), first: 0, wanted, visit: (_, score) => scores.push(score) });
  expect(scores.slice(-2)).toEqual([2997, 1]);
});
