// Queries by parts of images and by several images, groups by any attribute, and collections without a model.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GroupQueryOptions } from '../../src/catalogue/types.ts';
import { createRng } from '../../src/math/rng.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';
import { bytes, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const crop = { x: 0, y: 0, width: 10, height: 10 };

describe('images as examples', () => {
  test('a crop neither reads nor fills the cache of its image', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    await shop.upsert({ items: [{ id: 'a', image: bytes('a') }] });
    const { embedded } = harness.embedder;
    expect(embedded).toEqual(['a']);
    // Whole: known. Cropped: embedded, each time, as that part.
    await shop.query({ by: { image: bytes('a') } });
    expect(embedded.length).toBe(1);
    const part = await shop.query({ by: { image: bytes('a'), crop }, why: 'a' });
    expect(embedded.slice(1)).toEqual([`a${JSON.stringify(crop)}`]);
    expect(part.why!.score).toBeLessThan(0.99);
    await shop.query({ by: { image: bytes('b'), crop } });
    // And the whole of an image whose part was seen is not that part.
    await shop.upsert({ items: [{ id: 'b', image: bytes('b') }] });
    expect(embedded.slice(2)).toEqual([`b${JSON.stringify(crop)}`, 'b']);
    const whole = await shop.query({ by: { image: bytes('b') }, limit: 1 });
    expect(whole.hits[0]).toMatchObject({ id: 'b', score: expect.closeTo(1, 5) });
  });

  test('recommend takes ids, vectors, images and crops, embedded in one go', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const ids = ['a', 'b', 'c', 'd'];
    await shop.upsert({ items: ids.map((id) => ({ id, image: bytes(id) })) });
    const asked = harness.embedder.requests.length;
    const vector = harness.embedder.vector(bytes('d'));
    const image = (text: string) => ({ image: bytes(text) });
    const byImages = { positive: [image('a'), image('new'), vector], negative: [{ ...image('c'), crop }] };
    const { hits } = await shop.query({ by: { recommend: byImages }, limit: 4 });
    expect(harness.embedder.requests.length).toBe(asked + 1);
    expect(harness.embedder.embedded.slice(4)).toEqual(['new', `c${JSON.stringify(crop)}`]);
    const byVectors = {
      positive: [bytes('a'), bytes('new'), bytes('d')].map((one) => harness.embedder.vector(one)),
      negative: [harness.embedder.vector(bytes(`c${JSON.stringify(crop)}`))],
    };
    expect(hits).toEqual((await shop.query({ by: { recommend: byVectors }, limit: 4 })).hits);
    const wrong = { positive: [image('a'), image('bad one')] };
    await expect(shop.query({ by: { recommend: wrong } })).rejects.toMatchObject({
      code: 'image_undecodable',
      field: 'by.recommend.positive[1]',
    });
  });

  test.each<[object, string]>([
    [{ image: bytes('a'), crop: { ...crop, width: 0 } }, 'by.crop.width'],
    [{ image: bytes('a'), crop: { ...crop, unit: 'percent' } }, 'by.crop.unit'],
    [{ image: bytes('a'), crop: 5 }, 'by.crop'],
    [{ id: 'a', crop }, 'by.crop'],
    [{ crop }, 'by'],
    [{ image: 'text' }, 'by.image'],
    [{ recommend: { positive: [{ image: bytes('a'), id: 'a' }] } }, 'id'],
    [{ recommend: { positive: [{ image: bytes('a'), crop: {} }] } }, 'by.recommend.positive[0].crop.x'],
    [{ recommend: { positive: [[1, 2]] } }, 'by.recommend.positive[0]'],
  ])('%j is refused, and nothing embedded', async (by, field) => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    await expect(shop.query({ by: by as never })).rejects.toMatchObject({ status: 400, field });
    expect(harness.embedder.embedded).toEqual([]);
  });
});

describe('groups by an attribute or the tags', () => {
  test('are the naive groups, whatever the filter', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const rng = createRng(8);
    const vectors = Array.from({ length: 80 }, () => randomUnit(rng, 16));
    const brand = (n: number) => (n % 9 === 8 ? undefined : n % 3 === 0 ? `brand ${n % 5}` : n % 5);
    await shop.upsert({
      items: vectors.map((vector, n) => ({
        id: `i${n}`,
        vector,
        tags: n % 4 === 3 ? [] : [`t${n % 4}`, `u${n % 3}`],
        attributes: { n, half: 0.5, ...(brand(n) === undefined ? {} : { brand: brand(n)! }) },
      })),
    });
    const vector = randomUnit(rng, 16);
    const naive = (groupsOf: (n: number) => unknown[], keep: (n: number) => boolean) => {
      const kept = new Map([...vectors.entries()].filter(([n]) => keep(n)));
      const groups = new Map<unknown, string[]>();
      for (const { slot } of naiveNearest(kept, vector, 80)) {
        for (const id of groupsOf(slot)) groups.set(id, [...(groups.get(id) ?? []), `i${slot}`]);
      }
      return [...groups].map(([id, hits]) => ({ id, hits: hits.slice(0, 3) }));
    };
    const asked = async (options: Partial<GroupQueryOptions>) => {
      const { groups } = await shop.queryGroups({ by: { vector }, limit: 50, groupSize: 3, ...options });
      return groups.map(({ id, hits }) => ({ id, hits: hits.map((hit) => hit.id) }));
    };
    const brands = (n: number) => [brand(n)].filter((one) => one !== undefined);
    const tags = (n: number) => (n % 4 === 3 ? [] : [`t${n % 4}`, `u${n % 3}`]);
    expect(await asked({ groupBy: 'brand' })).toEqual(naive(brands, () => true));
    expect(await asked({ groupBy: 'brand', filter: 'n >= 20' })).toEqual(naive(brands, (n) => n >= 20));
    expect(await asked({ groupBy: 'brand', limit: 2 })).toEqual(naive(brands, () => true).slice(0, 2));
    const byTags = (await asked({ groupBy: 'tags' })).sort((a, b) => (a.id < b.id ? -1 : 1));
    const expected = naive(tags, () => true).sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
    expect(byTags).toEqual(expected);
    expect(await asked({ groupBy: 'half' })).toEqual([]);
    expect(await asked({ groupBy: 'nobody' })).toEqual([]);
    await expect(asked({ groupBy: '' })).rejects.toMatchObject({ field: 'groupBy' });
  });
});

test('groups of more members than are scored one by one', async () => {
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  const rng = createRng(9);
  const vectors = Array.from({ length: 2600 }, () => randomUnit(rng, 16));
  const items = vectors.map((vector, n) => ({ id: `i${n}`, vector, attributes: { odd: n % 2, n } }));
  await shop.upsert({ items });
  const best = (query: Float32Array, odd: number, leave: number[]) => {
    const kept = [...vectors.entries()].filter(([n]) => n % 2 === odd && n >= 100 && !leave.includes(n));
    return naiveNearest(new Map(kept), query, 4).map(({ slot }) => `i${slot}`);
  };
  const options = { groupBy: 'odd', groupSize: 4, filter: 'n >= 100' };
  const { groups } = await shop.queryGroups({ by: { id: 'i200' }, ...options });
  expect(groups.length).toBe(2);
  for (const { id, hits } of groups) {
    expect(hits.map((hit) => hit.id)).toEqual(best(vectors[200]!, id as number, [200]));
  }
  const negative = { positive: ['i201', 'i202'], negative: ['i203'], strategy: 'best_score' as const };
  const recommended = await shop.queryGroups({ by: { recommend: negative }, ...options });
  const all = (await shop.query({ by: { recommend: negative }, limit: 1000, filter: 'n >= 100' })).hits;
  for (const { id, hits } of recommended.groups) {
    const own = all.filter((hit) => hit.item.attributes.odd === id).slice(0, 4);
    expect(hits).toEqual(own);
  }
});

describe('a collection by its dimension', () => {
  test('has no model, takes vectors, survives a restart, and says what images come to', async () => {
    const catalogue = await harness.open();
    const points = await catalogue.createCollection({ name: 'points', dimension: 3 });
    expect(points.info).toMatchObject({ model: null, fingerprint: null, dimension: 3, metric: 'cosine' });
    const vector = Float32Array.of(3, 4, 0);
    const results = await points.upsert({
      items: [
        { id: 'a', vector },
        { id: 'b', image: bytes('b') },
      ],
    });
    expect(results).toMatchObject([
      { status: 'created' },
      { status: 'failed', error: { code: 'collection_without_model', field: 'items[1].image' } },
    ]);
    const again = (await harness.reopen()).collection('points');
    expect(again.info).toMatchObject({ model: null, count: 1 });
    expect((await again.query({ by: { vector } })).hits).toMatchObject([
      { id: 'a', score: expect.closeTo(1, 6) },
    ]);
    for (const by of [{ image: bytes('b') }, { recommend: { positive: [{ image: bytes('b') }] } }]) {
      await expect(again.query({ by })).rejects.toMatchObject({
        code: 'collection_without_model',
        status: 409,
      });
    }
    expect(harness.embedder.requests).toEqual([]);
  });

  test.each([0, 8193, 1.5, '3'])('a dimension of %j is refused', async (dimension) => {
    const catalogue = await harness.open();
    const made = catalogue.createCollection({ name: 'points', dimension: dimension as number });
    await expect(made).rejects.toMatchObject({ code: 'invalid_argument', field: 'dimension' });
    await expect(
      catalogue.createCollection({ name: 'points', dimension: 3, model: 'bytes' }),
    ).rejects.toMatchObject({ code: 'invalid_argument', field: 'model' });
    expect(catalogue.list()).toEqual([]);
  });

  test('allOrNothing: one bad item, and nothing is written', async () => {
    const catalogue = await harness.open();
    const points = await catalogue.createCollection({ name: 'points', dimension: 3 });
    const good = { id: 'a', vector: Float32Array.of(1, 0, 0) };
    const bad = { id: 'b', vector: Float32Array.of(1, 0) };
    await expect(points.upsert({ items: [good, bad], allOrNothing: true })).rejects.toMatchObject({
      code: 'vector_dimension',
      field: 'items[1].vector',
    });
    expect(await points.count({})).toBe(0);
    expect(await points.upsert({ items: [good], allOrNothing: true })).toMatchObject([{ status: 'created' }]);
  });
});
