// The search for near rows and the list of near pairs against all distances.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng, type Rng } from '../../../src/math/rng.ts';
import { NearRows } from '../../../training/losses/near-rows.ts';
import { PairList } from '../../../training/losses/pair-list.ts';
import { distance, unit } from '../../reference/potential-field.ts';

const flat = (rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());
/** A point, or one at a distance of about `spread` from one of `centres`. */
function place(
  rng: Rng,
  dimension: number,
  centres: readonly (readonly number[])[],
  spread: number,
): number[] {
  const any = Array.from({ length: dimension }, () => rng.normal());
  if (rng.next() < 0.3) return any;
  const centre = centres[rng.int(centres.length)]!;
  return centre.map((x, k) => x + (spread * any[k]!) / Math.sqrt(dimension));
}

describe('near rows', () => {
  test('none is missed, and none is listed beyond the radius by more than rounding', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          rows: fc.integer({ min: 1, max: 120 }),
          points: fc.integer({ min: 0, max: 9 }),
          // 64 numbers are screened by 16, 32 or all of them; 3 by all.
          dimension: fc.constantFrom(3, 64),
          radius: fc.constantFrom(0.2, 0.45, 1.2),
          normalize: fc.boolean(),
        }),
        async ({ seed, rows: count, points: asked, dimension, radius, normalize }) => {
          const rng = createRng(seed);
          const centres = Array.from({ length: 4 }, () =>
            unit(Array.from({ length: dimension }, () => rng.normal())),
          );
          const rows = Array.from({ length: count }, () => place(rng, dimension, centres, 0.3));
          const placed = rows.map((row) => (normalize ? unit(row) : row));
          const points = Array.from({ length: asked }, () => unit(place(rng, dimension, centres, 0.3)));
          if (asked > 0) points[0] = placed[0]!;
          const near = await NearRows.open({ rows: count, dimension, normalize, radius, threads: 1 });
          await near.put(flat(rows));
          const found = new Set(await near.near(flat(points), radius));
          const closest = placed.map((row) => Math.min(...points.map((point) => distance(row, point))));
          for (const [i, least] of closest.entries()) {
            if (least <= radius) expect(found.has(i)).toBe(true);
            if (least > radius * 1.001 + 1e-3) expect(found.has(i)).toBe(false);
          }
          await near.release();
        },
      ),
      { numRuns: 40 },
    );
  });

  test('rows that are put elsewhere are found there', async () => {
    const near = await NearRows.open({ rows: 3, dimension: 32, normalize: true, radius: 0.3, threads: 1 });
    const axis = (k: number) => Array.from({ length: 32 }, (_, i) => Number(i === k));
    await near.put(flat([axis(0), axis(1), axis(2)]));
    expect([...(await near.near(flat([axis(1), axis(5)]), 0.3))]).toEqual([1]);
    await near.put(flat([axis(0), axis(7), axis(5).map((x) => 3 * x)]), Int32Array.of(2));
    expect([...(await near.near(flat([axis(1), axis(5)]), 0.3))]).toEqual([1, 2]);
    await near.release();
  });
});

test('the list of pairs misses none while rows move a little, a lot, or alone', async () => {
  const relisted: number[] = [];
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, normalize) => {
      const rng = createRng(seed);
      const [count, dimension, radius, group] = [60, 32, 0.3, 3];
      const centres = Array.from({ length: 6 }, () =>
        unit(Array.from({ length: dimension }, () => rng.normal())),
      );
      const rows = Array.from({ length: count }, () => unit(place(rng, dimension, centres, 0.2)));
      const list = await PairList.open({
        ...{ rows: count, dimension, normalize, radius, group },
        ...{ skin: 0.1, threads: 1 },
      });
      for (const [part, step] of [
        [1, 0],
        [1, 0.02],
        [1, 0.02],
        [0.2, 0.3],
        [1, 0.02],
        [1, 0.3],
      ] as const) {
        for (const row of rows) {
          if (rng.next() > part) continue;
          for (const k of row.keys()) row[k]! += (step * rng.normal()) / Math.sqrt(dimension);
        }
        const pairs = await list.update(flat(rows));
        relisted.push(list.relisted / count);
        expect(new Set(pairs).size).toBe(pairs.length);
        const listed = new Set(
          pairs.flatMap((pair) => [pair, (pair % count) * count + Math.floor(pair / count)]),
        );
        const placed = rows.map((row) => (normalize ? unit(row) : row));
        for (const [i, a] of placed.entries()) {
          for (const [j, b] of placed.entries()) {
            const ofGroup = Math.floor(i / group) === Math.floor(j / group);
            if (ofGroup) expect(listed.has(i * count + j)).toBe(false);
            else if (distance(a, b) < radius) expect(listed.has(i * count + j)).toBe(true);
          }
        }
      }
      await list.release();
    }),
    { numRuns: 15 },
  );
  // It did list all, none, and some.
  expect(relisted).toContain(1);
  expect(relisted).toContain(0);
  expect(relisted.some((part) => part > 0 && part < 0.5)).toBe(true);
});
