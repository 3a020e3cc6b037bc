import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Item, QueryOptions } from '../../src/catalogue/types.ts';
import type { FilterInput } from '../../src/filter/read.ts';
import { createRng } from '../../src/math/rng.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';
import { bytes, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const code = (name: string) => expect.objectContaining({ code: name });

/** 60 items by vector, `n % groups` each. */
async function filled(options: { count?: number; groups?: number } = {}) {
  const { count = 60, groups = 7 } = options;
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  const rng = createRng(2);
  const vectors = Array.from({ length: count }, () => randomUnit(rng, 16));
  await shop.upsert({
    items: vectors.map((vector, n) => ({ id: `i${n}`, group: `g${n % groups}`, vector, attributes: { n } })),
  });
  return { shop, rng, vectors, naive: new Map(vectors.map((vector, n) => [n, vector])) };
}

describe('query', () => {
  test('by vector, with limit, threshold, exact, ef and vectors', async () => {
    const { shop, rng, naive, vectors } = await filled();
    const vector = randomUnit(rng, 16);
    const truth = naiveNearest(naive, vector, 60);
    for (const options of [{}, { exact: true }, { ef: 200 }]) {
      const { hits, timing } = await shop.query({ by: { vector }, limit: 5, ...options });
      expect(hits.map((hit) => hit.id)).toEqual(truth.slice(0, 5).map((hit) => `i${hit.slot}`));
      hits.forEach((hit, i) => {
        expect(hit.score).toBeCloseTo(truth[i]!.score, 6);
      });
      expect(timing).toEqual({ embed: expect.any(Number), search: expect.any(Number) });
    }
    const scoreThreshold = (truth[2]!.score + truth[3]!.score) / 2;
    const above = await shop.query({ by: { vector }, scoreThreshold, withVector: true });
    expect(above.hits.map((hit) => hit.item)).toEqual(
      truth.slice(0, 3).map(({ slot }) => ({
        id: `i${slot}`,
        group: `g${slot % 7}`,
        tags: [],
        attributes: { n: slot },
        vector: expect.objectContaining({ length: 16 }),
      })),
    );
    expect(above.hits[0]!.item.vector![3]).toBeCloseTo(vectors[truth[0]!.slot]![3]!, 6);
    expect((await shop.query({ by: { vector }, limit: 1000 })).hits.length).toBe(60);
    const scaled = await shop.query({ by: { vector: vector.map((x) => 50 * x) }, limit: 1 });
    expect(scaled.hits[0]!.score).toBeCloseTo(truth[0]!.score, 6);
  });

  test('by id leaves that item out and nothing else', async () => {
    const { shop, naive, vectors } = await filled();
    await shop.upsert({ items: [{ id: 'twin', vector: vectors[9]! }] });
    const { hits } = await shop.query({ by: { id: 'i9' }, limit: 10 });
    const truth = naiveNearest(naive, vectors[9]!, 10).slice(1);
    expect(hits.map((hit) => hit.id)).toEqual(['twin', ...truth.map((hit) => `i${hit.slot}`)]);
  });

  test('by image uses the cache and never adds to it', async () => {
    const { shop } = await filled();
    await shop.upsert({ items: [{ id: 'photo', image: bytes('photo') }] });
    for (let i = 0; i < 2; i++) {
      expect((await shop.query({ by: { image: bytes('photo') } })).hits[0]!.id).toBe('photo');
    }
    expect(harness.embedder.embedded).toEqual(['photo']);
    for (let i = 0; i < 2; i++) await shop.query({ by: { image: bytes('visitor') } });
    expect(harness.embedder.embedded).toEqual(['photo', 'visitor', 'visitor']);
    await expect(shop.query({ by: { image: bytes('bad') } })).rejects.toEqual(code('image_undecodable'));
  });

  test('an empty collection answers nothing', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const by = { vector: new Float32Array(16).fill(1) };
    expect((await shop.query({ by })).hits).toEqual([]);
    expect((await shop.queryGroups({ by })).groups).toEqual([]);
  });

  test.each([
    [{ by: { id: 'i1' }, limit: 0 }, 'invalid_argument', 'limit'],
    [{ by: { id: 'i1' }, limit: 1001 }, 'invalid_argument', 'limit'],
    [{ by: { id: 'i1' }, limit: 2.5 }, 'invalid_argument', 'limit'],
    [{ by: { id: 'i1' }, ef: 0 }, 'invalid_argument', 'ef'],
    [{ by: { id: 'i1' }, groupSize: 0 }, 'invalid_argument', 'groupSize'],
    [{ by: { id: 'i1' }, scoreThreshold: Number.NaN }, 'invalid_argument', 'scoreThreshold'],
    [{ by: { id: 'i1' }, filter: 'n =' }, 'invalid_argument', 'filter'],
    [{ by: { id: 'i1' }, filter: { any: [] } }, 'unknown_option', 'any'],
    [{ by: { id: 'i1' }, where: {} }, 'unknown_option', 'where'],
    [{ by: { id: 'i1', vector: new Float32Array(16) } }, 'invalid_argument', 'by'],
    [{ by: {} }, 'invalid_argument', 'by'],
    [{ by: { name: 'i1' } }, 'unknown_option', 'name'],
    [{ by: { id: 'nobody' } }, 'item_not_found', 'id'],
    [{ by: { vector: new Float32Array(3) } }, 'vector_dimension', 'by.vector'],
    [{ by: { vector: new Float32Array(16) } }, 'invalid_argument', 'by.vector'],
    [{ by: { image: 'x' } }, 'invalid_argument', 'by.image'],
  ])('refuses %j', async (options, name, field) => {
    const { shop } = await filled();
    const error = expect.objectContaining({ code: name, field });
    await expect(shop.queryGroups(options as never)).rejects.toEqual(error);
    if (!('groupSize' in options)) await expect(shop.query(options as never)).rejects.toEqual(error);
  });
});

describe('filters', () => {
  test('hits and groups keep to them, in every plan, through updates, deletes and a restart', async () => {
    const { shop, rng } = await filled({ count: 300, groups: 40 });
    const update = async (on: typeof shop) => {
      // New metadata on the same vector: the slot stays. And a removed majority, so that rows move together.
      const ids = Array.from({ length: 300 }, (_, n) => `i${n}`);
      on.delete({ ids: ids.filter((_, n) => n % 3 !== 0) });
      const items = ids.filter((_, n) => n % 6 === 0).map((id) => ({ ...on.get({ id, withVector: true }) }));
      const statuses = await on.upsert({
        items: items.map(({ id, group, vector }) => ({
          id,
          group,
          vector,
          tags: ['seen', id],
          attributes: { n: -1 },
        })),
      });
      expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set(['updated']));
    };
    const check = async (on: typeof shop) => {
      const all = (await on.query({ by: { vector: randomUnit(rng, 16) }, limit: 1000 })).hits.map(
        (hit) => hit.item,
      );
      for (const [filter, passes] of [
        ['n < 100', (item) => (item.attributes.n as number) < 100],
        [{ must: [{ key: 'tags', match: { value: 'seen' } }] }, (item) => item.tags.includes('seen')],
        ['group IN ["g1", "g2", "g39"]', (item) => ['g1', 'g2', 'g39'].includes(item.group)],
        ['has_id IN ["i3", "i4", "i9"]', (item) => ['i3', 'i4', 'i9'].includes(item.id)],
        ['NOT group = "g3" AND n >= 0', (item) => item.group !== 'g3' && (item.attributes.n as number) >= 0],
        ['n = "none"', () => false],
      ] as [FilterInput, (item: Item) => boolean][]) {
        const vector = randomUnit(rng, 16);
        const expected = new Set(all.filter(passes).map((item) => item.id));
        for (const how of [{}, { exact: true }, { ef: 400 }]) {
          const { hits, explanation } = await on.query({
            by: { vector },
            limit: 1000,
            filter,
            explain: true,
            ...how,
          });
          expect(new Set(hits.map((hit) => hit.id))).toEqual(expected);
          expect(hits.map((hit) => hit.score)).toEqual(hits.map((hit) => hit.score).sort((a, b) => b - a));
          expect(explanation).toMatchObject({ items: all.length, matches: expected.size });
          expect(Object.keys(explanation!.timing)).toEqual(['embed', 'filter', 'search']);
          const { groups } = await on.queryGroups({
            by: { vector },
            limit: 1000,
            groupSize: 100,
            filter,
            ...how,
          });
          expect(groups.flatMap((group) => group.hits.map((hit) => hit.id)).sort()).toEqual(
            [...expected].sort(),
          );
        }
        expect((await on.query({ by: { vector }, filter })).explanation).toBeUndefined();
      }
    };
    await check(shop);
    await update(shop);
    await check(shop);
    await check((await harness.reopen()).collection('shop'));
  });
});

describe('queryGroups', () => {
  test('agrees with grouping the full ranking', async () => {
    const { shop, naive, rng } = await filled({ count: 200, groups: 1 });
    // Groups of very different sizes: one of 120, some of a few, many of one.
    await shop.upsert({
      items: [...naive].map(([n, vector]) => ({
        id: `i${n}`,
        group: n < 120 ? 'big' : n < 160 ? `mid${n % 6}` : `own${n}`,
        vector,
      })),
    });
    const naiveGroups = (
      vector: Float32Array,
      limit: number,
      size: number,
      threshold: number,
      self?: string,
    ) => {
      const groups = new Map<string, string[]>();
      for (const { slot, score } of naiveNearest(naive, vector, 200)) {
        const id = `i${slot}`;
        if (score < threshold || id === self) continue;
        const { group } = shop.get({ id });
        groups.set(group, [...(groups.get(group) ?? []), id]);
      }
      return [...groups].slice(0, limit).map(([id, hits]) => ({ id, hits: hits.slice(0, size) }));
    };
    const ask = async (options: QueryOptions & { groupSize?: number }) =>
      (await shop.queryGroups(options)).groups.map(({ id, hits }) => ({ id, hits: hits.map((h) => h.id) }));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(-1, 0.1, 0.4, 0.99),
        fc.boolean(),
        async (limit, groupSize, scoreThreshold, byId) => {
          const n = rng.int(200);
          const vector = byId ? naive.get(n)! : randomUnit(rng, 16);
          const by = byId ? { id: `i${n}` } : { vector };
          const expected = naiveGroups(vector, limit, groupSize, scoreThreshold, byId ? `i${n}` : undefined);
          expect(await ask({ by, limit, groupSize, scoreThreshold })).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a model that changed under its name', () => {
  test('is refused for images, never mixed; stored vectors still answer', async () => {
    const { shop } = await filled();
    await shop.upsert({ items: [{ id: 'photo', image: bytes('photo') }] });
    harness.embedder = new ByteEmbedder({ fingerprint: 'sha256:other' });
    const catalogue = await harness.reopen();
    const again = catalogue.collection('shop');
    const image = bytes('new');
    await expect(again.query({ by: { image } })).rejects.toEqual(code('fingerprint_mismatch'));
    await expect(again.upsert({ items: [{ id: 'x', image }] })).rejects.toEqual(code('fingerprint_mismatch'));
    expect(harness.embedder.embedded).toEqual([]);
    expect(again.info).toMatchObject({ fingerprint: 'sha256:bytes', count: 61 });
    expect((await again.query({ by: { id: 'photo' }, limit: 3 })).hits.length).toBe(3);
    const next = await catalogue.createCollection({ name: 'next' });
    await next.upsert({ items: [{ id: 'photo', image: bytes('photo') }] });
    expect(harness.embedder.embedded).toEqual(['photo']);
    expect(next.info.fingerprint).toBe('sha256:other');
  });
});
