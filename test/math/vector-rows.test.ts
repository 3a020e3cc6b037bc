// The scan of int8 copies against the plain inner product: every length, several blocks, few rows and many, rows that moved.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bits } from '../../src/math/bits.ts';
import { Copies } from '../../src/math/copies.ts';
import { dot } from '../../src/math/dot.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { VectorRows } from '../../src/math/vector-rows.ts';
import { randomUnit } from '../reference/nearest.ts';

/** Unit vectors, some of them equal or nearly so, some with one large component, some far from unit length. */
function vectorsOf(options: { rng: Rng; count: number; dimension: number }): Float32Array[] {
  const { rng, count, dimension } = options;
  const vectors: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    const kind = i === 0 ? 0 : rng.int(8);
    const old = vectors[rng.int(Math.max(1, i))];
    if (kind === 1) vectors.push(old!.slice());
    else if (kind === 2) vectors.push(old!.map((x) => x + 1e-6 * rng.normal()));
    else if (kind === 3)
      vectors.push(randomUnit(rng, dimension).map((x, j) => (j === i % dimension ? 1 : 1e-3 * x)));
    else if (kind === 4) vectors.push(randomUnit(rng, dimension).map((x) => x * 10 ** (rng.int(9) - 4)));
    else if (kind === 5 && rng.int(20) === 0) vectors.push(new Float32Array(dimension));
    else vectors.push(randomUnit(rng, dimension));
  }
  return vectors;
}

function bits(length: number, has: () => boolean): Bits {
  return Bits.of(
    Array.from({ length }, (_, n) => n).filter(() => has()),
    length,
  );
}

/** Bytes of a memory of so many copies. */
const roomFor = (count: number, dimension: number) => Copies.bytes({ dimension, count });

test('the candidates hold the exact best, ties and all, of the wanted rows only', () => {
  fc.assert(
    fc.property(
      fc.record({
        dimension: fc.integer({ min: 1, max: 70 }),
        count: fc.integer({ min: 0, max: 3500 }),
        share: fc.constantFrom(0, 0.01, 0.3, 0.7, 1),
        first: fc.oneof(fc.constant(0), fc.nat(3500)),
        k: fc.integer({ min: 1, max: 50 }),
        seed: fc.nat(),
      }),
      ({ dimension, count, share, first, k, seed }) => {
        const rng = createRng(seed);
        // Most scans cross memories.
        const rows = new VectorRows({ dimension, blockBytes: 60_000, mostBytes: roomFor(800, dimension) });
        const vectors = vectorsOf({ rng, count, dimension });
        for (const vector of vectors) rows.push(vector);
        for (const row of vectors.keys()) expect(rows.vector(row)).toEqual(vectors[row]);
        const wanted = bits(count, () => rng.next() < share);
        for (const query of [randomUnit(rng, dimension), ...vectorsOf({ rng, count: 3, dimension })]) {
          const scores = vectors.map((vector) => dot(vector, 0, query, 0, dimension));
          const among = [...vectors.keys()].filter((row) => row >= first && wanted.has(row));
          const best = among.map((row) => scores[row]!).sort((a, b) => b - a);
          const last = best[Math.min(k, best.length) - 1] ?? 0;
          const candidates = rows.candidates({ vector: query, k, first, wanted });
          const found = new Set(candidates);
          expect(candidates).toEqual(among.filter((row) => found.has(row)));
          const missed = among.filter((row) => scores[row]! >= last && !found.has(row));
          expect(missed).toEqual([]);
          const above = rows.candidates({ vector: query, atLeast: last, first, wanted });
          expect(among.filter((row) => scores[row]! >= last && !new Set(above).has(row))).toEqual([]);
          for (const row of candidates.slice(0, 5)) expect(rows.score(row, query)).toBe(scores[row]);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test.each([127, 128, 129, 300, 1000])('%i components, and codes as large as they get', (dimension) => {
  const rng = createRng(dimension);
  const rows = new VectorRows({ dimension });
  const even = (x: number) => new Float32Array(dimension).fill(x);
  const vectors = [even(1e6), even(-1e6), ...vectorsOf({ rng, count: 198, dimension })];
  for (const vector of vectors) rows.push(vector);
  const wanted = bits(200, () => true);
  for (const query of [even(0.1), even(-0.1), ...vectors.slice(0, 20)]) {
    const scores = vectors.map((vector) => dot(vector, 0, query, 0, dimension));
    const third = [...scores].sort((a, b) => b - a)[2]!;
    const candidates = rows.candidates({ vector: query, k: 3, first: 0, wanted });
    expect(candidates).toEqual(
      expect.arrayContaining([...vectors.keys()].filter((row) => scores[row]! >= third)),
    );
  }
});

test('copies that lie elsewhere answer the same, and go on in other memories when theirs are full', () => {
  const rng = createRng(4);
  const rows = new VectorRows({ dimension: 5, mostBytes: roomFor(1500, 5) });
  for (let i = 0; i < 5000; i++) rows.push(randomUnit(rng, 5));
  const wanted = bits(6000, () => rng.int(2) === 1);
  const queries = Array.from({ length: 5 }, () => randomUnit(rng, 5));
  const answers = () =>
    queries.flatMap((vector) =>
      [0, 1234, 4321].map((first) => rows.candidates({ vector, k: 3, first, wanted })),
    );
  const before = answers();
  const copies = new Copies({ dimension: 5 });
  for (let i = 0; i < 17; i++) copies.push(queries[0]!);
  rows.copyTo(copies, 0, 1500);
  rows.copyTo(copies, 1500, 4000);
  rows.adopt(copies, 17);
  expect(answers()).toEqual(before);
  const small = new Copies({ dimension: 5, mostBytes: roomFor(1200, 5) });
  rows.copyTo(small, 0, 1000);
  rows.adopt(small, 0);
  expect(answers()).toEqual(before);
  for (let i = 5000; i < 6000; i++) rows.push(queries[1]!);
  expect(rows.candidates({ vector: queries[1]!, k: 1, first: 4900, wanted })).toEqual(
    Array.from({ length: 1000 }, (_, i) => 5000 + i).filter((row) => wanted.has(row)),
  );
});

test('the candidates are few', () => {
  const rng = createRng(3);
  const rows = new VectorRows({ dimension: 128 });
  for (let i = 0; i < 20_000; i++) rows.push(randomUnit(rng, 128));
  const wanted = bits(20_000, () => true);
  for (let i = 0; i < 20; i++) {
    const candidates = rows.candidates({ vector: randomUnit(rng, 128), k: 10, first: 0, wanted });
    expect(candidates.length).toBeLessThan(100);
  }
});

test('components as large as f32 has them', () => {
  const rows = new VectorRows({ dimension: 2 });
  for (const x of [1, 3e38, -3e38, 1e-40, 2]) rows.push(Float32Array.of(x, x));
  const wanted = bits(5, () => true);
  for (const x of [1, -3e38, 3e38, 1e-40]) {
    const query = Float32Array.of(x, x);
    expect(rows.candidates({ vector: query, k: 1, first: 0, wanted })).toContain(x > 0 ? 1 : 2);
  }
});

test('rows that moved, were cut and came again hold no rest of what was there', () => {
  const rows = new VectorRows({ dimension: 3, blockBytes: 10_000, mostBytes: roomFor(900, 3) });
  for (let i = 0; i < 3000; i++) rows.push(Float32Array.of(i, i, i));
  for (let i = 0; i < 1000; i++) rows.move(3 * i, i);
  rows.cut(1000);
  const held = () => rows.bytes.vectors + rows.bytes.copies + rows.bytes.room;
  const bytes = held();
  rows.push(Float32Array.of(1, 2, 3));
  expect(rows.rows).toBe(1001);
  expect(held()).toBe(bytes);
  expect([...rows.vector(999)]).toEqual([2997, 2997, 2997]);
  const wanted = bits(1001, () => true);
  const best = (vector: Float32Array) => rows.candidates({ vector, k: 1, first: 0, wanted });
  const first = best(Float32Array.of(1, 0, 0));
  expect(first).toContain(999);
  // Scores fall by 3 a row, and a copy's bound is off by some 13: rows below have no business here.
  expect(Math.min(...first)).toBeGreaterThan(990);
  // 0.3 for the new row, 0 or less for the others.
  expect(best(Float32Array.of(-2, 1, 0.1))).toContain(1000);
});
