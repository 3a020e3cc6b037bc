// What every VectorIndex must do. `settle` lets an index finish what it does in the background, so that each rule is
// checked before and after.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VectorIndex } from '../../src/index/vector-index.ts';
import { createRng } from '../../src/math/rng.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';

export interface IndexUnderTest {
  readonly index: VectorIndex;
  settle(): void | Promise<void>;
}

export function vectorIndexContract(name: string, create: (dimension: number) => IndexUnderTest): void {
  const D = 8;

  /** An index and the naive map, filled alike. */
  const filled = async (
    count: number,
    options: { seed?: number; dimension?: number; settle?: boolean } = {},
  ) => {
    const { seed = 1, dimension = D, settle = true } = options;
    const rng = createRng(seed);
    const under = create(dimension);
    const naive = new Map<number, Float32Array>();
    for (let slot = 0; slot < count; slot++) {
      const vector = randomUnit(rng, dimension);
      under.index.add({ slot, vector });
      naive.set(slot, vector);
    }
    if (settle) await under.settle();
    return { ...under, naive, rng };
  };

  const found = (index: VectorIndex, vector: Float32Array, k: number, ef?: number) => {
    const { slots, scores } = index.search({ vector, k, ef });
    return Array.from(slots, (slot, i) => ({ slot, score: scores[i]! }));
  };

  const expectSame = (
    actual: { slot: number; score: number }[],
    expected: { slot: number; score: number }[],
  ) => {
    expect(actual.map((hit) => hit.slot)).toEqual(expected.map((hit) => hit.slot));
    actual.forEach((hit, i) => {
      expect(hit.score).toBeCloseTo(expected[i]!.score, 6);
    });
  };

  describe(`${name}: VectorIndex contract`, () => {
    test.each([false, true])('finds the nearest, best first (settled: %s)', async (settle) => {
      const { index, naive, rng } = await filled(200, { settle });
      for (let i = 0; i < 20; i++) {
        const query = randomUnit(rng, D);
        expectSame(found(index, query, 10, 200), naiveNearest(naive, query, 10));
      }
    });

    test('an empty index answers nothing', async () => {
      const { index, settle } = create(D);
      await settle();
      expect(index.size).toBe(0);
      expect(index.has(0)).toBe(false);
      expect(index.remove(0)).toBe(false);
      expect(found(index, new Float32Array(D).fill(1), 5)).toEqual([]);
    });

    test('all removed answers nothing, and can be filled again', async () => {
      const { index, settle, naive } = await filled(100);
      for (const slot of naive.keys()) expect(index.remove(slot)).toBe(true);
      expect(index.size).toBe(0);
      expect(found(index, naive.get(3)!, 5)).toEqual([]);
      index.add({ slot: 100, vector: naive.get(3)! });
      await settle();
      expect(found(index, naive.get(3)!, 5).map((hit) => hit.slot)).toEqual([100]);
    });

    test('k beyond the size returns all', async () => {
      const { index, naive, rng } = await filled(30);
      const query = randomUnit(rng, D);
      expectSame(found(index, query, 1000), naiveNearest(naive, query, 1000));
    });

    test('equal vectors tie: ordered by slot, all found', async () => {
      const { index, settle, naive, rng } = await filled(100);
      const twin = randomUnit(rng, D);
      for (let slot = 100; slot < 300; slot++) {
        index.add({ slot, vector: twin });
        naive.set(slot, twin);
      }
      await settle();
      for (const slot of [100, 150, 299]) {
        index.remove(slot);
        naive.delete(slot);
      }
      expectSame(found(index, twin, 20, 100), naiveNearest(naive, twin, 20));
      expect(found(index, twin, 297).length).toBe(297);
      // The copies are no island: other neighbourhoods are still reached.
      for (let i = 0; i < 20; i++) {
        const query = randomUnit(rng, D);
        expectSame(found(index, query, 10, 300), naiveNearest(naive, query, 10));
      }
    });

    test('a removed vector that comes back under a new slot is found once', async () => {
      const { index, settle, naive } = await filled(50);
      const vector = naive.get(7)!;
      for (let slot = 50; slot < 60; slot++) {
        index.remove(slot === 50 ? 7 : slot - 1);
        index.add({ slot, vector });
        if (slot % 2) await settle();
      }
      const first = found(index, vector, 50);
      expect(first[0]!.slot).toBe(59);
      expect(first.length).toBe(50);
    });

    test('with 90 % removed, k results come back and they are the right ones', async () => {
      const { index, naive, rng } = await filled(2000, { seed: 5 });
      // Everything near one direction goes: the region that a graph walk enters first may be all tombstones.
      const centre = randomUnit(rng, D);
      for (const { slot } of naiveNearest(naive, centre, 1800)) {
        index.remove(slot);
        naive.delete(slot);
      }
      for (const query of [centre, randomUnit(rng, D), randomUnit(rng, D)]) {
        expectSame(found(index, query, 50, 400), naiveNearest(naive, query, 50));
        expect(found(index, query, 200).length).toBe(200);
      }
    });

    test('slots reach to 2^32 - 1 and no further', async () => {
      const { index, settle } = create(2);
      const vector = Float32Array.of(1, 0);
      index.add({ slot: 2 ** 32 - 2, vector });
      index.add({ slot: 2 ** 32 - 1, vector });
      await settle();
      expect(found(index, vector, 5).map((hit) => hit.slot)).toEqual([2 ** 32 - 2, 2 ** 32 - 1]);
      expect(() => index.add({ slot: 2 ** 32, vector })).toThrow(/slot: expected/);
    });

    test.each([-1, 0.5, Number.NaN, 2 ** 32, 2 ** 32 + 7])('refuses slot %s', (slot) => {
      const { index } = create(2);
      expect(() => index.add({ slot, vector: Float32Array.of(1, 0) })).toThrow(/slot: expected/);
      expect(index.has(slot)).toBe(false);
      expect(index.size).toBe(0);
    });

    test('a slot is never re-used, live or removed', async () => {
      const { index, naive } = await filled(3);
      const vector = naive.get(0)!;
      expect(() => index.add({ slot: 2, vector })).toThrow(/slot: expected/);
      index.remove(2);
      expect(() => index.add({ slot: 2, vector })).toThrow(/slot: expected/);
      expect(index.remove(2)).toBe(false);
    });

    test.each([Number.NaN, Number.POSITIVE_INFINITY])(
      'refuses %s in vector and query, and goes on',
      async (x) => {
        const { index, settle, naive } = await filled(20);
        const vector = naive.get(0)!.slice();
        vector[D - 1] = x;
        expect(() => index.add({ slot: 20, vector })).toThrow(/vector\[7\]: expected a finite number/);
        expect(() => index.search({ vector, k: 1 })).toThrow(/vector\[7\]: expected a finite number/);
        await settle();
        expect(index.size).toBe(20);
        expect(found(index, naive.get(4)!, 1)[0]!.slot).toBe(4);
      },
    );

    test('refuses a wrong length, with its own code', async () => {
      const { index } = await filled(5);
      for (const length of [0, D - 1, D + 1]) {
        const vector = new Float32Array(length).fill(0.1);
        const code = expect.objectContaining({ code: 'vector_dimension' });
        expect(() => index.add({ slot: 5, vector })).toThrow(code);
        expect(() => index.search({ vector, k: 1 })).toThrow(code);
      }
    });

    test.each([0, -1, 1.5, Number.NaN])('refuses k = %s', async (k) => {
      const { index, naive } = await filled(5);
      expect(() => index.search({ vector: naive.get(0)!, k })).toThrow(/k: expected/);
    });

    test('keeps its own copy of a vector', async () => {
      const { index, settle } = create(2);
      const vector = Float32Array.of(1, 0);
      index.add({ slot: 0, vector });
      vector.set([0, 1]);
      await settle();
      expect(found(index, Float32Array.of(1, 0), 1)[0]!.score).toBe(1);
    });

    test('random add, remove, settle and search sequences agree with the naive map', async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ op: fc.constant('add' as const), vector: fc.nat(30) }) },
        { weight: 3, arbitrary: fc.record({ op: fc.constant('remove' as const), pick: fc.nat(1000) }) },
        { weight: 1, arbitrary: fc.record({ op: fc.constant('settle' as const) }) },
        {
          weight: 2,
          arbitrary: fc.record({
            op: fc.constant('search' as const),
            vector: fc.nat(30),
            k: fc.integer({ min: 1, max: 70 }),
          }),
        },
      );
      // Few distinct vectors, so that twins, and removed vectors that come back, are common.
      const rng = createRng(9);
      const pool = Array.from({ length: 31 }, () => randomUnit(rng, 4));
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
          const { index, settle } = create(4);
          const naive = new Map<number, Float32Array>();
          let slot = 0;
          for (const s of steps) {
            if (s.op === 'add') {
              naive.set(slot, pool[s.vector]!);
              index.add({ slot: slot++, vector: pool[s.vector]! });
            } else if (s.op === 'remove') {
              const victim = slot === 0 ? 0 : s.pick % slot;
              expect(index.remove(victim)).toBe(naive.delete(victim));
            } else if (s.op === 'settle') {
              await settle();
            } else {
              const query = pool[s.vector]!;
              expectSame(found(index, query, s.k, 100), naiveNearest(naive, query, s.k));
            }
            expect(index.size).toBe(naive.size);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
