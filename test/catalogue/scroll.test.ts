// Reading without a query: pages, counts, facets, against the plain list of the same items.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { filterObject, metadata, naivePasses } from '../reference/filter.ts';
import { randomUnit } from '../reference/nearest.ts';
import { Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

async function filled(count: number) {
  const shop = await (await harness.open()).createCollection({ name: 'shop' });
  const rng = createRng(5);
  const items = fc.sample(metadata, { numRuns: count, seed: 5 }).map((one, n) => ({ id: `i${n}`, ...one }));
  await shop.upsert({ items: items.map((item) => ({ ...item, vector: randomUnit(rng, 16) })) });
  return { shop, items, rng };
}

async function allPages(shop: Awaited<ReturnType<typeof filled>>['shop'], filter?: object, limit = 7) {
  const pages: string[][] = [];
  for (let offset: string | undefined; ; ) {
    const page = await shop.scroll({ filter, limit, offset });
    pages.push(page.items.map(({ id }) => id));
    if (page.next === undefined) return pages;
    offset = page.next;
  }
}

test('pages have every item that passes once, in the order in which they came; counts agree', async () => {
  const { shop, items, rng } = await filled(120);
  const expected = (filter?: object) =>
    items.filter((item) => !filter || naivePasses(filter, item)).map(({ id }) => id);
  expect((await allPages(shop)).flat()).toEqual(expected());
  expect((await allPages(shop, undefined, 40)).map((page) => page.length)).toEqual([40, 40, 40]);
  const filters = fc.sample(filterObject, { numRuns: 60, seed: 6 });
  for (const filter of filters) {
    expect((await allPages(shop, filter)).flat(), JSON.stringify(filter)).toEqual(expected(filter));
    expect(await shop.count({ filter })).toBe(expected(filter).length);
  }
  // Most go, one by one: the rows are squeezed. One comes back as the newest.
  shop.delete({ ids: items.splice(10, 90).map(({ id }) => id) });
  const [again] = items.splice(3, 1);
  await shop.upsert({ items: [{ ...again!, vector: randomUnit(rng, 16) }] });
  items.push(again!);
  for (const filter of [undefined, ...filters]) {
    expect((await allPages(shop, filter)).flat()).toEqual(expected(filter));
    expect(await shop.count({ filter })).toBe(expected(filter).length);
  }
  const [first] = (await shop.scroll({ limit: 1, withVector: true })).items;
  expect(first).toEqual(shop.get({ id: 'i0', withVector: true }));
});

test('facets count every value of the items that pass, the most frequent first', async () => {
  const { shop, items } = await filled(120);
  const own = (attributes: object, key: string) =>
    Object.hasOwn(attributes, key) ? [attributes[key as keyof typeof attributes]] : [];
  const naive = (key: string, filter?: object) => {
    const counts = new Map<unknown, number>();
    for (const item of items) {
      if (filter && !naivePasses(filter, item)) continue;
      const values = key === 'tags' ? item.tags : key === 'group' ? [item.group] : own(item.attributes, key);
      for (const value of new Set(values)) {
        if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    return counts;
  };
  for (const filter of [undefined, ...fc.sample(filterObject, { numRuns: 30, seed: 7 })]) {
    for (const key of ['tags', 'group', 'brand', 'price', 'constructor', 'nobody']) {
      const facets = await shop.facet({ key, filter, limit: 1000 });
      expect(new Map(facets.map(({ value, count }) => [value, count]))).toEqual(naive(key, filter));
      const counts = facets.map(({ count }) => count);
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      expect(await shop.facet({ key, filter, limit: 2 })).toEqual(facets.slice(0, 2));
    }
  }
});

test('bad input is refused by name', async () => {
  const { shop } = await filled(3);
  const refused = (field: string) => expect.objectContaining({ status: 400, field });
  await expect(shop.scroll({ limit: 0 })).rejects.toThrow(refused('limit'));
  await expect(shop.scroll({ limit: 1001 })).rejects.toThrow(refused('limit'));
  await expect(shop.scroll({ cursor: 'i0' } as object)).rejects.toThrow(refused('cursor'));
  await expect(shop.scroll({ filter: 'a <' })).rejects.toThrow(expect.objectContaining({ status: 400 }));
  await expect(shop.count({ key: 'a' } as object)).rejects.toThrow(refused('key'));
  await expect(shop.facet({ key: '' })).rejects.toThrow(refused('key'));
  await expect(shop.facet({ key: 'brand', limit: 1.5 })).rejects.toThrow(refused('limit'));
  await expect(shop.scroll({ offset: 'gone' })).rejects.toThrow(
    expect.objectContaining({ code: 'item_not_found', field: 'offset' }),
  );
});
