import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { randomUnit } from '../reference/nearest.ts';
import { Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const D = 16;
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const unit = (v: Float32Array) => v.map((x) => x / Math.hypot(...v));

/** Pictures of some products, several of them nearly equal, in chains too. */
async function filled(seed: number, count: number) {
  const rng = createRng(seed);
  const vectors: Float32Array[] = [];
  for (let n = 0; n < count; n++) {
    const old = n > 0 && rng.int(2) === 0 ? vectors[rng.int(n)] : undefined;
    vectors.push(old ? unit(old.map((x) => x + 0.03 * rng.int(3) * rng.normal())) : randomUnit(rng, D));
  }
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  await shop.upsert({ items: vectors.map((vector, n) => ({ id: `i${n}`, group: `g${n % 7}`, vector })) });
  return { shop, vectors };
}

/** Connected components by flooding. */
function naiveClusters(vectors: readonly (Float32Array | undefined)[], threshold: number): number[][] {
  const left = new Set([...vectors.keys()].filter((n) => vectors[n]));
  const clusters: number[][] = [];
  for (const start of left) {
    const members = [start];
    left.delete(start);
    for (const n of members) {
      for (const other of left) {
        if (Math.fround(cosine(vectors[n]!, vectors[other]!)) < threshold) continue;
        members.push(other);
        left.delete(other);
      }
    }
    if (members.length > 1) clusters.push(members.sort((a, b) => a - b));
  }
  return clusters.sort((a, b) => b.length - a.length || a[0]! - b[0]!);
}

describe('duplicates', () => {
  test('are the connected components, in whole or across groups, after deletes too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom(0.6, 0.95, 0.99),
        fc.boolean(),
        async (seed, threshold, cut) => {
          await harness.dispose();
          harness = new Harness();
          const { shop, vectors } = await filled(seed, 120);
          const live = vectors.map((vector, n) => (cut && n % 3 !== 0 ? undefined : vector));
          shop.delete({ ids: [...live.keys()].filter((n) => !live[n]).map((n) => `i${n}`) });
          const expected = naiveClusters(live, threshold);
          const items = (members: number[]) => members.map((n) => ({ id: `i${n}`, group: `g${n % 7}` }));
          const found = await shop.duplicates({ threshold });
          expect(found.map((cluster) => cluster.items)).toEqual(expected.map(items));
          const across = await shop.duplicates({ threshold, acrossGroups: true });
          expect(across.map((cluster) => cluster.items)).toEqual(
            expected.filter((members) => new Set(members.map((n) => n % 7)).size > 1).map(items),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test('lets others in between, tells how far it is, and stops when asked', async () => {
    const { shop } = await filled(3, 100);
    const progress: number[] = [];
    // The harness's clock ticks once per look: a turn is over after ten.
    const run = shop.duplicates({ threshold: 0.9, onProgress: ({ done }) => progress.push(done) });
    // Answered before the run is over.
    const first = await Promise.race([
      run.then(() => 'run'),
      shop.query({ by: { id: 'i1' } }).then(() => 'query'),
    ]);
    expect(first).toBe('query');
    await run;
    expect(progress.length).toBeGreaterThan(5);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(100);
    const stop = new AbortController();
    const stopped = shop.duplicates({ threshold: 0.9, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toEqual(expect.objectContaining({ code: 'aborted' }));
    for (const threshold of [2, Number.NaN, '0.9' as never]) {
      await expect(shop.duplicates({ threshold })).rejects.toThrow('threshold: expected');
    }
  });
});
