// Recommendations, diversity and paging, against naive ones over the whole collection.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Collection, QueryOptions, Recommend } from '../../src/catalogue/types.ts';
import { createRng } from '../../src/math/rng.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';
import { Harness } from './harness.ts';

const COUNT = 400;
const D = 16;
let harness: Harness;
let shop: Collection;
const rng = createRng(8);
const vectors = Array.from({ length: COUNT }, () => randomUnit(rng, D));
const naive = new Map(vectors.map((vector, n) => [n, vector]));

beforeEach(async () => {
  harness = new Harness();
  shop = await (await harness.open()).createCollection({ name: 'shop' });
  await shop.upsert({ items: vectors.map((vector, n) => ({ id: `i${n}`, group: `g${n % 50}`, vector })) });
});
afterEach(() => harness.dispose());

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const ids = async (options: QueryOptions) => (await shop.query(options)).hits.map((hit) => hit.id);
const names = (hits: readonly { slot: number }[]) => hits.map(({ slot }) => `i${slot}`);
const HOW = [{}, { exact: true }, { ef: 400 }];

describe('recommend', () => {
  test('average_vector is the mean of the good ones, pushed away from that of the bad ones', async () => {
    const mean = vectors[1]!.map((x, i) => (2 * (x + vectors[2]![i]!)) / 2 - vectors[3]![i]!);
    const expected = naiveNearest(naive, mean, COUNT).filter(({ slot }) => ![1, 2, 3].includes(slot));
    for (const how of HOW) {
      const recommend: Recommend = { positive: ['i1', vectors[2]!, 'i2'].slice(0, 3), negative: ['i3'] };
      // i2 by its vector and by its id is two examples of one.
      const twice = vectors[1]!.map((x, i) => (2 * (x + 2 * vectors[2]![i]!)) / 3 - vectors[3]![i]!);
      const doubled = naiveNearest(naive, twice, COUNT).filter(({ slot }) => ![1, 2, 3].includes(slot));
      expect(await ids({ by: { recommend }, limit: 20, ...how })).toEqual(names(doubled).slice(0, 20));
      const once: Recommend = { positive: ['i1', 'i2'], negative: ['i3'] };
      expect(await ids({ by: { recommend: once }, limit: 20, ...how })).toEqual(names(expected).slice(0, 20));
    }
    const one = await shop.query({ by: { recommend: { positive: ['i9'] } } });
    expect(one.hits).toEqual((await shop.query({ by: { id: 'i9' } })).hits);
  });

  test('best_score follows the nearest good example and leaves out what is nearer to a bad one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(COUNT - 1), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom(...HOW),
        fc.boolean(),
        async (examples, split, limit, how, filtered) => {
          const [good, bad] = [examples.slice(0, split), examples.slice(split)];
          const ranked = vectors
            .map((vector, slot) => {
              const best = (of: number[]) =>
                Math.max(...of.map((n) => Math.fround(cosine(vector, vectors[n]!))));
              return { slot, score: best(good), kept: best(good) > best(bad) };
            })
            .filter(({ slot, kept }) => kept && !examples.includes(slot) && (!filtered || slot % 50 < 10))
            .sort((a, b) => b.score - a.score || a.slot - b.slot);
          const recommend: Recommend = {
            positive: good.map((n) => `i${n}`),
            negative: bad.map((n) => `i${n}`),
            strategy: 'best_score',
          };
          const filter = filtered
            ? `group IN [${Array.from({ length: 10 }, (_, g) => `"g${g}"`).join()}]`
            : undefined;
          const by = { recommend };
          expect(await ids({ by, limit, filter, ...how })).toEqual(names(ranked).slice(0, limit));
          const { groups } = await shop.queryGroups({ by, limit, groupSize: 3, filter, ...how });
          const grouped = new Map<number, number[]>();
          for (const { slot } of ranked) grouped.set(slot % 50, [...(grouped.get(slot % 50) ?? []), slot]);
          expect(groups.map(({ id, hits }) => [id, hits.map((hit) => hit.id)])).toEqual(
            [...grouped]
              .slice(0, limit)
              .map(([g, slots]) => [`g${g}`, slots.slice(0, 3).map((n) => `i${n}`)]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    [{ positive: [] }, 'by.recommend.positive'],
    [{ positive: 'i1' }, 'by.recommend.positive'],
    [{ positive: Array(101).fill('i1') }, 'by.recommend.positive'],
    [{ positive: ['i1'], negative: 5 }, 'by.recommend.negative'],
    [{ positive: ['i1', new Float32Array(D)] }, 'by.recommend.positive[1]'],
    [{ positive: ['i1'], strategy: 'worst' }, 'by.recommend.strategy'],
    [{ positive: ['i1'], negative: ['i1'], weight: 1 }, 'weight'],
    [{ positive: ['nobody'] }, 'id'],
    [null, 'by.recommend'],
  ])('refuses %j', async (recommend, field) => {
    const by = { recommend } as never;
    await expect(shop.query({ by })).rejects.toEqual(expect.objectContaining({ field }));
    await expect(shop.queryGroups({ by })).rejects.toEqual(expect.objectContaining({ field }));
  });

  test('examples that cancel each other out are refused', async () => {
    const recommend = { positive: [vectors[0]!], negative: [vectors[0]!.map((x) => 2 * x)] };
    // Twice the one less the other is the one again.
    expect((await ids({ by: { recommend } }))[0]).toBe('i0');
    const against = { positive: [vectors[0]!, vectors[0]!.map((x) => -x)] };
    await expect(shop.query({ by: { recommend: against } })).rejects.toThrow('cancel each other out');
  });
});

describe('offset', () => {
  test('pages are cut from one exact order: none overlap, nothing is between them', async () => {
    const by = { id: 'i7' };
    const expected = names(naiveNearest(naive, vectors[7]!, COUNT)).filter((id) => id !== 'i7');
    const pages: string[] = [];
    for (let offset = 0; offset < COUNT + 30; offset += 30) {
      const page = await shop.query({ by, limit: 30, offset, ef: 30, explain: true });
      expect(page.explanation!.plan).toBe('scan');
      pages.push(...page.hits.map((hit) => hit.id));
    }
    expect(pages).toEqual(expected);
    for (const offset of [-1, 1.5, 9991]) {
      await expect(shop.query({ by, limit: 10, offset })).rejects.toThrow('offset: expected');
    }
  });
});

describe('mmr', () => {
  test('chooses as the formula says; 0 is the plain order', async () => {
    const vector = randomUnit(rng, D);
    const by = { vector };
    const plain = await ids({ by, limit: 30 });
    expect(await ids({ by, limit: 30, mmr: { diversity: 0 } })).toEqual(plain);
    for (const [diversity, candidates, limit] of [
      [0.5, 50, 10],
      [0.9, 20, 30],
      [1, undefined, 5],
    ] as const) {
      const left = naiveNearest(naive, vector, Math.max(limit, candidates ?? 100));
      const chosen: typeof left = [];
      while (chosen.length < limit) {
        const worth = ({ slot, score }: { slot: number; score: number }) => {
          const near = Math.max(
            ...chosen.map((one) => Math.fround(cosine(vectors[slot]!, vectors[one.slot]!))),
          );
          return (1 - diversity) * score - (chosen.length > 0 ? diversity * near : 0);
        };
        chosen.push(...left.splice(left.indexOf(left.reduce((a, b) => (worth(b) > worth(a) ? b : a))), 1));
      }
      const { hits } = await shop.query({ by, limit, mmr: { diversity, candidates } });
      expect(hits.map((hit) => hit.id)).toEqual(names(chosen));
      expect(hits.map((hit) => hit.score)).not.toEqual(hits.map((hit) => hit.score).sort((a, b) => b - a));
      const next = await ids({ by, limit: 2, offset: 3, mmr: { diversity, candidates } });
      if (candidates !== 20) expect(next).toEqual(names(chosen).slice(3, 5));
    }
  });

  test.each([
    [{ diversity: 2 }],
    [{ diversity: Number.NaN }],
    [{}],
    [{ diversity: 0.5, candidates: 0 }],
    [5],
  ])('refuses %j', async (mmr) => {
    await expect(shop.query({ by: { id: 'i1' }, mmr: mmr as never })).rejects.toThrow('mmr');
    await expect(shop.queryGroups({ by: { id: 'i1' }, mmr } as never)).rejects.toThrow(
      'unknown option "mmr"',
    );
  });
});
