// "Why is it not there": for every item of a collection, its rank and what removed it, against the naive answer.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CatalogueOptions } from '../../src/catalogue/catalogue.ts';
import type { QueryOptions } from '../../src/catalogue/types.ts';
import { firstFailure } from '../../src/filter/failure.ts';
import { readFilter } from '../../src/filter/read.ts';
import { createRng } from '../../src/math/rng.ts';
import { type FilteredItem, filterObject, metadata, naivePasses } from '../reference/filter.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';
import { Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

async function filled(count = 60, options?: Partial<CatalogueOptions>) {
  const shop = await (await harness.open(options)).createCollection({ name: 'shop' });
  const rng = createRng(3);
  const vectors = Array.from({ length: count }, () => randomUnit(rng, 16));
  await shop.upsert({
    items: vectors.map((vector, n) => ({ id: `i${n}`, vector, attributes: { n, even: n % 2 === 0 } })),
  });
  const why = async (n: number, options: QueryOptions) =>
    (await shop.query({ ...options, why: `i${n}` })).why!;
  return { shop, rng, why, naive: new Map(vectors.map((vector, n) => [n, vector])) };
}

test('in the answer, beyond it, before the page, below the threshold: rank and score are exact', async () => {
  const { rng, why, naive } = await filled();
  const vector = randomUnit(rng, 16);
  const truth = naiveNearest(naive, vector, 60);
  const by = { vector };
  const scoreThreshold = (truth[20]!.score + truth[21]!.score) / 2;
  for (const [at, { slot, score }] of truth.entries()) {
    const found = await why(slot, { by, limit: 5, offset: 3, scoreThreshold });
    expect(found).toMatchObject({ id: `i${slot}`, rank: at + 1, score: expect.closeTo(score, 5) });
    const expected = at < 3 ? 'offset' : at < 8 ? null : at < 21 ? 'limit' : 'score_threshold';
    expect(found.removedBy, `rank ${at + 1}`).toBe(expected);
  }
});

test('the filter names the first condition; the rank is among those that pass', async () => {
  const { rng, why, naive } = await filled();
  const vector = randomUnit(rng, 16);
  const filter = { must: [{ key: 'even', match: { value: true } }], must_not: [{ has_id: ['i4', 'i6'] }] };
  const passing = new Map([...naive].filter(([n]) => n % 2 === 0 && n !== 4 && n !== 6));
  for (const n of [0, 1, 4, 7]) {
    const own = new Map([...passing, [n, naive.get(n)!]]);
    const rank = naiveNearest(own, vector, 60).findIndex(({ slot }) => slot === n) + 1;
    const found = await why(n, { by: { vector }, limit: 60, filter });
    expect(found.rank).toBe(rank);
    expect(found.removedBy).toBe(n === 0 ? null : 'filter');
    if (n === 1 || n === 7) expect(found.condition).toEqual({ key: 'even', match: { value: true } });
    if (n === 4) expect(found.condition).toEqual({ must_not: [{ has_id: ['i4', 'i6'] }] });
    if (n === 0) expect(found.condition).toBeUndefined();
  }
});

test('asked by, nearer to a negative example, left out for variety; an id that is not there', async () => {
  const { shop, why, naive } = await filled();
  expect(await why(5, { by: { id: 'i5' } })).toMatchObject({
    removedBy: 'query',
    score: expect.closeTo(1, 5),
  });
  const recommend = { positive: ['i1', 'i2'], negative: ['i3'], strategy: 'best_score' as const };
  const { hits } = await shop.query({ by: { recommend }, limit: 60 });
  const ranks = new Map(hits.map(({ id }, i) => [id, i + 1]));
  for (let n = 0; n < 60; n++) {
    const found = await why(n, { by: { recommend }, limit: 10 });
    const rank = ranks.get(`i${n}`) ?? null;
    // Items of the question have a rank too, which no hit has.
    if (n < 1 || n > 3) expect(found.rank).toBe(rank);
    const expected =
      n > 0 && n < 4 ? 'query' : rank === null ? 'negative_example' : rank > 10 ? 'limit' : null;
    expect(found.removedBy, `i${n}`).toBe(expected);
  }
  const vector = naive.get(9)!;
  const mmr = { diversity: 0.9, candidates: 20 };
  const asked = { by: { vector }, limit: 5, mmr };
  const answered = new Set((await shop.query(asked)).hits.map(({ id }) => id));
  for (const [at, { slot }] of naiveNearest(naive, vector, 60).entries()) {
    const expected = answered.has(`i${slot}`) ? null : at < 20 ? 'mmr' : 'limit';
    expect((await why(slot, asked)).removedBy).toBe(expected);
  }
  await expect(why(99, { by: { id: 'i5' } })).rejects.toMatchObject({ code: 'item_not_found' });
});

test('what the walk of the graph missed is said to be missed', async () => {
  const { shop, rng, why } = await filled(3000);
  await expect.poll(() => shop.info.indexed, { timeout: 20_000 }).toBe(3000);
  let missed = 0;
  for (let i = 0; i < 40 && missed < 3; i++) {
    const vector = randomUnit(rng, 16);
    const options = { by: { vector }, limit: 20, ef: 1 };
    const answered = new Set((await shop.query(options)).hits.map(({ id }) => id));
    for (const { id } of (await shop.query({ ...options, exact: true })).hits) {
      if (answered.has(id)) continue;
      const found = await why(Number(id.slice(1)), options);
      expect(found).toMatchObject({ removedBy: 'graph', rank: expect.any(Number) });
      expect(found.rank).toBeLessThanOrEqual(20);
      missed++;
    }
  }
  expect(missed).toBeGreaterThan(0);
});

test('ranks and groups are counted in turns: others are answered in between, and what goes meanwhile is no trouble', async () => {
  let now = 0;
  const { shop } = await filled(6000, { clock: () => (now += 10) });
  const positive = Array.from({ length: 8 }, (_, n) => `i${n}`);
  const by = { recommend: { positive, strategy: 'best_score' as const } };
  const filter = 'n < 5500';
  const { hits } = await shop.query({ by, filter, limit: 1000, exact: true });
  const asked = { by, filter, limit: 5, why: hits[700]!.id };
  /** What comes of `work`, and how many turns others had; `meanwhile` has one of them. */
  async function shared<T>(work: () => Promise<T>, meanwhile?: () => unknown) {
    let turns = 0;
    let over = false;
    const result = work().finally(() => {
      over = true;
    });
    result.catch(() => {});
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve));
      if (++turns === 2) meanwhile?.();
    }
    return { result: await result, turns };
  }
  const quiet = await shared(() => shop.query(asked));
  expect(quiet.result.why).toMatchObject({ rank: 701, removedBy: 'limit' });
  expect(quiet.turns).toBeGreaterThan(4);
  const facet = () => shop.facet({ key: 'group', filter, limit: 1000 });
  const groups = await shared(facet);
  expect(groups.result.map(({ value }) => value)).toEqual(
    Array.from({ length: 5500 }, (_, n) => `i${n}`)
      .sort()
      .slice(0, 1000),
  );
  expect(groups.turns).toBeGreaterThan(4);

  const stop = new AbortController();
  const left = shared(
    () => shop.query({ ...asked, signal: stop.signal }),
    () => stop.abort(),
  );
  await expect(left).rejects.toMatchObject({ code: 'aborted' });
  // More than half: the rows that are left move up.
  const gone = Array.from({ length: 4000 }, (_, n) => `i${n + 1000}`).filter((id) => id !== asked.why);
  const busy = await shared(
    () => shop.query(asked),
    () => shop.delete({ ids: gone }),
  );
  const after = (await shop.query(asked)).why!.rank!;
  expect(after).toBeLessThan(701);
  expect(busy.result.why!.rank).toBeGreaterThanOrEqual(after);
  expect(busy.result.why!.rank).toBeLessThanOrEqual(701);
  const all = Array.from({ length: 6000 }, (_, n) => `i${n}`);
  const rest = await shared(facet, () => shop.delete({ ids: all }));
  expect(rest.result.length).toBeGreaterThan(0);
  expect(await facet()).toEqual([]);
});

test('firstFailure: something where the item does not pass, and that alone refuses it too', () => {
  const item: fc.Arbitrary<FilteredItem> = metadata.map((one) => ({ id: 'i0', ...one }));
  fc.assert(
    fc.property(filterObject, item, (filter, one) => {
      const failure = firstFailure(readFilter(filter), one);
      expect(failure === undefined).toBe(naivePasses(filter, one));
      if (!failure) return;
      const alone =
        'must' in failure || 'should' in failure || 'must_not' in failure ? failure : { must: failure };
      expect(naivePasses(alone as typeof filter, one)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
