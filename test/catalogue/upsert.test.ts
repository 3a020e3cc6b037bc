import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ItemInput } from '../../src/catalogue/types.ts';
import { bytes, eventually, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const code = (name: string) => expect.objectContaining({ code: name });
const failing = (name: string, field?: string) =>
  expect.objectContaining({
    status: 'failed',
    error: expect.objectContaining(field ? { code: name, field } : { code: name }),
  });

describe('upsert', () => {
  test('created, unchanged, updated by metadata, updated by image', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const item = {
      id: 'a',
      group: 'g',
      image: bytes('A'),
      tags: ['x'],
      attributes: { price: 1, brand: 'B' },
    };
    const statuses = async (input: ItemInput) => (await shop.upsert({ items: [input] })).map((r) => r.status);
    expect(await statuses(item)).toEqual(['created']);
    expect(await statuses({ ...item, attributes: { brand: 'B', price: 1 } })).toEqual(['unchanged']);
    expect(await statuses({ ...item, tags: ['y'] })).toEqual(['updated']);
    expect(harness.embedder.embedded).toEqual(['A']);
    expect(await statuses({ ...item, image: bytes('A2') })).toEqual(['updated']);
    expect(shop.get({ id: 'a', withVector: true })).toEqual({
      id: 'a',
      group: 'g',
      tags: ['x'],
      attributes: { brand: 'B', price: 1 },
      imageHash: shop.image({ id: 'a' }).hash,
      vector: harness.embedder.vector(bytes('A2')),
    });
    expect(Buffer.from(shop.image({ id: 'a' }).bytes).toString()).toBe('A2');
    expect(shop.info).toEqual({
      name: 'shop',
      model: 'bytes',
      fingerprint: 'sha256:bytes',
      dimension: 16,
      metric: 'cosine',
      count: 1,
      indexed: 0,
      status: 'green',
    });
  });

  test('by vector: normalised, unchanged when equal, image and vector replace each other', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const vector = new Float32Array(16);
    vector.set([3, 4]);
    const upsert = async (input: Omit<ItemInput, 'id'>) =>
      (await shop.upsert({ items: [{ id: 'a', ...input }] }))[0]!.status;
    expect(await upsert({ vector })).toBe('created');
    expect(shop.get({ id: 'a', withVector: true }).vector!.slice(0, 3)).toEqual(Float32Array.of(0.6, 0.8, 0));
    expect(await upsert({ vector: vector.map((x) => 2 * x) })).toBe('unchanged');
    expect(() => shop.image({ id: 'a' })).toThrow(code('image_not_stored'));
    expect(await upsert({ image: bytes('A') })).toBe('updated');
    expect(await upsert({ vector })).toBe('updated');
    expect(() => shop.image({ id: 'a' })).toThrow(code('image_not_stored'));
    expect(shop.get({ id: 'a' }).group).toBe('a');
  });

  test('one bad item fails alone, by field', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const image = bytes('A');
    const lone = `x${String.fromCharCode(0xd800)}`;
    const bad: [unknown, string, string?][] = [
      [{ id: '', image }, 'invalid_argument', 'id'],
      [{ id: 'x'.repeat(257), image }, 'invalid_argument', 'id'],
      [{ id: 'a\u0000b', image }, 'invalid_argument', 'id'],
      [{ id: lone, image }, 'invalid_argument', 'id'],
      [{ id: 7, image }, 'invalid_argument', 'id'],
      [{ image }, 'invalid_argument', 'id'],
      [{ id: 'a', group: '\n', image }, 'invalid_argument', 'group'],
      [{ id: 'a' }, 'invalid_argument'],
      [{ id: 'a', image, vector: new Float32Array(16).fill(1) }, 'invalid_argument'],
      [{ id: 'a', image: 'A' }, 'invalid_argument', 'image'],
      [{ id: 'a', image: bytes('bad') }, 'image_undecodable'],
      [{ id: 'a', vector: new Float32Array(15).fill(1) }, 'vector_dimension', 'vector'],
      [{ id: 'a', vector: new Float32Array(16) }, 'invalid_argument', 'vector'],
      [{ id: 'a', vector: new Float32Array(16).fill(Number.NaN) }, 'invalid_argument', 'vector'],
      [{ id: 'a', vector: Array(16).fill(1) }, 'invalid_argument', 'vector'],
      [{ id: 'a', image, tags: 'red' }, 'invalid_argument', 'tags'],
      [{ id: 'a', image, tags: ['ok', 5] }, 'invalid_argument', 'tags[1]'],
      [{ id: 'a', image, tags: Array(101).fill('t') }, 'invalid_argument', 'tags'],
      [{ id: 'a', image, attributes: [1] }, 'invalid_argument', 'attributes'],
      [{ id: 'a', image, attributes: { n: Number.NaN } }, 'invalid_argument', 'attributes.n'],
      [{ id: 'a', image, attributes: { n: { deep: 1 } } }, 'invalid_argument', 'attributes.n'],
      [{ id: 'a', image, attributes: { n: null } }, 'invalid_argument', 'attributes.n'],
      [{ id: 'a', image, price: 3 }, 'unknown_option', 'price'],
      [null, 'invalid_argument'],
    ];
    for (const [item, name, field] of bad) {
      const items = [{ id: 'before', image }, item as ItemInput, { id: 'after', image }];
      const results = await shop.upsert({ items });
      const path =
        name === 'invalid_argument' || name === 'vector_dimension' ? field && `items[1].${field}` : field;
      expect(results[1], JSON.stringify(item)).toEqual(failing(name, path));
      expect([results[0]!.status, results[2]!.status]).not.toContain('failed');
    }
    expect(shop.info.count).toBe(2);
    await expect(shop.upsert({ items: {} as never })).rejects.toEqual(code('invalid_argument'));
    await expect(shop.upsert({ items: [], force: true } as never)).rejects.toEqual(code('unknown_option'));
    expect(await shop.upsert({ items: [] })).toEqual([]);
  });

  test('a repeated id in one batch: applied in order, the last one stays', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const results = await shop.upsert({
      items: [
        { id: 'a', image: bytes('1') },
        { id: 'a', image: bytes('2') },
        { id: 'a', image: bytes('bad') },
        { id: 'a', image: bytes('2') },
        { id: 'v', vector: new Float32Array(16).fill(1) },
        { id: 'v', vector: new Float32Array(16).fill(2) },
      ],
    });
    expect(results.map((r) => r.status)).toEqual([
      'created',
      'updated',
      'failed',
      'unchanged',
      'created',
      'unchanged',
    ]);
    expect(shop.info.count).toBe(2);
    const { hits } = await shop.query({ by: { image: bytes('2') } });
    expect(hits[0]).toEqual({ id: 'a', score: expect.closeTo(1, 6), item: expect.anything() });
    expect(hits.map((hit) => hit.id).sort()).toEqual(['a', 'v']);
  });

  test('nothing is embedded twice: not in a batch, by another item, collection, restart or return', async () => {
    const catalogue = await harness.open();
    const shop = await catalogue.createCollection({ name: 'shop' });
    const items = [
      { id: 'a', image: bytes('A') },
      { id: 'b', image: bytes('A') },
      { id: 'c', image: bytes('C') },
    ];
    await shop.upsert({ items });
    expect(harness.embedder.requests.map((r) => r.images.length)).toEqual([2]);
    await shop.upsert({ items: [{ id: 'd', image: bytes('C') }] });
    const other = await catalogue.createCollection({ name: 'other' });
    await other.upsert({ items });
    const reopened = await harness.reopen();
    reopened.collection('shop').delete({ ids: ['a', 'b', 'c', 'd'] });
    reopened.dropCollection('other');
    const results = await reopened.collection('shop').upsert({ items });
    expect(results.map((r) => r.status)).toEqual(['created', 'created', 'created']);
    expect(harness.embedder.embedded).toEqual(['A', 'C']);
  });

  test('priority and signal reach the embedder', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const { signal } = new AbortController();
    await shop.upsert({ items: [{ id: 'a', image: bytes('A') }], priority: 'bulk', signal });
    await shop.query({ by: { image: bytes('Q') }, signal });
    expect(harness.embedder.requests.map((r) => [r.priority, r.signal === signal])).toEqual([
      ['bulk', true],
      ['online', true],
    ]);
    const gone = AbortSignal.abort();
    await expect(shop.upsert({ items: [], signal: gone })).rejects.toEqual(code('aborted'));
    await expect(shop.query({ by: { id: 'a' }, signal: gone })).rejects.toEqual(code('aborted'));
  });

  test('overlapping upserts of the same ids leave one item each, the one committed last', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    let release = () => {};
    harness.embedder.gate = new Promise((resolve) => {
      release = resolve;
    });
    const slow = shop.upsert({ items: ['a', 'b'].map((id) => ({ id, image: bytes(`slow ${id}`) })) });
    await eventually(() => harness.embedder.requests.length === 1);
    harness.embedder.gate = undefined;
    const fast = shop.upsert({ items: ['b', 'a'].map((id) => ({ id, image: bytes(`fast ${id}`) })) });
    expect((await fast).map((r) => r.status)).toEqual(['created', 'created']);
    release();
    expect((await slow).map((r) => r.status)).toEqual(['updated', 'updated']);
    expect(shop.info.count).toBe(2);
    for (const id of ['a', 'b']) {
      expect(Buffer.from(shop.image({ id }).bytes).toString()).toBe(`slow ${id}`);
      const { hits } = await shop.query({ by: { image: bytes(`fast ${id}`) } });
      expect(hits.length).toBe(2);
      expect(hits[0]!.score).toBeLessThan(0.99);
    }
  });

  test('a model that gives no usable vector fails its images and stores nothing', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    harness.embedder.vector = () => new Float32Array(16).fill(Number.NaN);
    expect(await shop.upsert({ items: [{ id: 'a', image: bytes('A') }] })).toEqual([failing('internal')]);
    await expect(shop.query({ by: { image: bytes('A') } })).rejects.toEqual(code('internal'));
    expect(shop.info.count).toBe(0);
  });
});

describe('delete', () => {
  test('is final, counts what was there, and survives a restart', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    await shop.upsert({ items: ['a', 'b', 'c'].map((id) => ({ id, image: bytes(id) })) });
    expect(shop.delete({ ids: ['a', 'nobody', 'a', 'b'] })).toEqual({ deleted: 2 });
    expect(() => shop.get({ id: 'a' })).toThrow(code('item_not_found'));
    expect(() => shop.image({ id: 'a' })).toThrow(code('item_not_found'));
    await expect(shop.query({ by: { id: 'a' } })).rejects.toEqual(code('item_not_found'));
    const again = (await harness.reopen()).collection('shop');
    expect(again.info.count).toBe(1);
    expect((await again.query({ by: { image: bytes('a') } })).hits.map((hit) => hit.id)).toEqual(['c']);
  });
});

describe('ids', () => {
  test('are any Unicode, exact to the code unit', async () => {
    const shop = await (await harness.open()).createCollection({ name: 'shop' });
    const ids = [
      'é',
      'e\u0301',
      '沙发',
      '🛋️',
      'a b',
      '__proto__',
      "'; DROP TABLE item; --",
      '.',
      'A',
      'a',
      '\u{10ffff}',
    ];
    await shop.upsert({
      items: ids.map((id) => ({ id, group: `${id}!`, image: bytes(id), attributes: { [id]: id } })),
    });
    expect(shop.info.count).toBe(ids.length);
    const again = (await harness.reopen()).collection('shop');
    for (const id of ids) {
      const item = again.get({ id });
      expect([item.id, item.group, Object.entries(item.attributes)]).toEqual([id, `${id}!`, [[id, id]]]);
    }
  });
});
