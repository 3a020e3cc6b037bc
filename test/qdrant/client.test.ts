// Qdrant's own client against this server, over a real socket: what its users do all day.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { QdrantClient } from '@qdrant/js-client-rest';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { openShop, type TestShop } from '../http/shop.ts';
import { naiveNearest, randomUnit } from '../reference/nearest.ts';

let it: TestShop;
let server: Server;
let client: QdrantClient;
let url: string;
beforeAll(async () => {
  it = await openShop();
  server = createServer(it.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new QdrantClient({ url });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await it.close();
});

const DIM = 8;
const UUID = '5c56c793-69f3-4fbf-87e6-c4bf54c28c26';
const COLOURS = ['red', 'green', 'blue'];
const vectors = (() => {
  const rng = createRng(11);
  return Array.from({ length: 40 }, () => randomUnit(rng, DIM));
})();
const idOf = (n: number) => (n === 7 ? UUID : n);
const payloadOf = (n: number) => ({
  colour: COLOURS[n % 3]!,
  price: n + 0.5,
  size: n % 4,
  sale: n % 2 === 0,
  ...(n % 5 === 0 ? { tags: ['a', `t${n % 10}`] } : {}),
  ...(n % 6 === 0 ? { group: `g${n % 12}` } : {}),
});
const list = (n: number) => Array.from(vectors[n]!);
const naive = (vector: Float32Array, keep: (n: number) => boolean = () => true) =>
  naiveNearest(new Map([...vectors.entries()].filter(([n]) => keep(n))), vector, 40);

/** A new collection of the 40 points. */
async function filled(name: string): Promise<string> {
  await client.createCollection(name, { vectors: { size: DIM, distance: 'Cosine' } });
  const points = vectors.map((_, n) => ({ id: idOf(n), vector: list(n), payload: payloadOf(n) }));
  await client.upsert(name, { wait: true, points: points.slice(0, 20) });
  const rest = points.slice(20);
  await client.upsert(name, {
    batch: {
      ids: rest.map(({ id }) => id),
      vectors: rest.map(({ vector }) => vector),
      payloads: rest.map(({ payload }) => payload),
    },
  });
  return name;
}

test('the version check of the client passes, and a browser still gets the page', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const { version } = await new QdrantClient({ url }).versionInfo();
  expect(version).toMatch(/^1\.\d+\.\d+$/);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
  const page = await fetch(`${url}/`, { headers: { accept: 'text/html' } });
  expect(await page.text()).toContain('<html');
});

describe('collections', () => {
  test('create, list, describe, exist, delete; what is there already, what is not', async () => {
    expect(await client.collectionExists('made')).toEqual({ exists: false });
    const options = {
      vectors: { size: 4, distance: 'Cosine' as const },
      optimizers_config: { default_segment_number: 2 },
      replication_factor: 2,
    };
    expect(await client.createCollection('made', options)).toBe(true);
    expect(await client.collectionExists('made')).toEqual({ exists: true });
    expect((await client.getCollections()).collections).toContainEqual({ name: 'made' });
    const info = await client.getCollection('made');
    expect(info).toMatchObject({ status: 'green', points_count: 0 });
    expect(info.config.params.vectors).toEqual({ size: 4, distance: 'Cosine' });
    await expect(client.createCollection('made', options)).rejects.toMatchObject({ status: 409 });
    expect(
      await client.createPayloadIndex('made', { field_name: 'colour', field_schema: 'keyword', wait: true }),
    ).toMatchObject({ status: 'completed' });
    expect(await client.recreateCollection('made', options)).toBe(true);
    expect(await client.deleteCollection('made')).toBe(true);
    expect(await client.deleteCollection('made')).toBe(false);
    await expect(client.getCollection('made')).rejects.toMatchObject({
      status: 404,
      data: { status: { error: 'There is no collection "made".' }, time: expect.any(Number) },
    });
  });

  test('aliases: made, moved and renamed in one go, good wherever a name is', async () => {
    const vectors = { size: 4, distance: 'Cosine' as const };
    for (const name of ['old', 'new']) await client.createCollection(name, { vectors });
    await client.upsert('new', { points: [{ id: 1, vector: [1, 0, 0, 0] }] });
    const create = (alias_name: string, collection_name: string) => ({
      create_alias: { alias_name, collection_name },
    });
    expect(await client.updateCollectionAliases({ actions: [create('current', 'old')] })).toBe(true);
    expect(await client.count('current')).toEqual({ count: 0 });
    await client.updateCollectionAliases({
      actions: [
        { delete_alias: { alias_name: 'current' } },
        create('current', 'new'),
        create('next', 'old'),
        { rename_alias: { old_alias_name: 'next', new_alias_name: 'previous' } },
      ],
    });
    expect(await client.count('current')).toEqual({ count: 1 });
    expect((await client.query('current', { query: [1, 0, 0, 0] })).points[0]!.id).toBe(1);
    expect((await client.getAliases()).aliases).toEqual([
      { alias_name: 'current', collection_name: 'new' },
      { alias_name: 'previous', collection_name: 'old' },
    ]);
    expect((await client.getCollectionAliases('old')).aliases).toEqual([
      { alias_name: 'previous', collection_name: 'old' },
    ]);
    await expect(
      client.updateCollectionAliases({
        actions: [{ delete_alias: { alias_name: 'current' } }, create('x', 'nobody')],
      }),
    ).rejects.toMatchObject({ status: 404, data: { status: { error: expect.any(String) } } });
    expect(await client.count('current')).toEqual({ count: 1 });
  });

  test.each([
    [{ vectors: { size: 4, distance: 'Dot' } }, 'vectors.distance'],
    [{ vectors: { size: 0, distance: 'Cosine' } }, 'vectors.size'],
    [{ vectors: { image: { size: 4, distance: 'Cosine' } } }, 'vectors'],
    [{ vectors: { size: 4, distance: 'Cosine' }, sparse_vectors: { a: {} } }, 'sparse_vectors'],
    [{ vectors: { size: 4, distance: 'Cosine', multivector_config: {} } }, 'vectors.multivector_config'],
  ])('%j is refused', async (options, field) => {
    await expect(client.createCollection('never', options as never)).rejects.toMatchObject({
      status: 400,
      data: { status: { error: expect.stringMatching(new RegExp(`^${field}`)) } },
    });
    expect(await client.collectionExists('never')).toEqual({ exists: false });
  });
});

describe('points', () => {
  test('upsert and retrieve: integers and strings come back as they were, payloads too', async () => {
    const name = await filled('points');
    expect(await client.count(name)).toEqual({ count: 40 });
    const found = await client.retrieve(name, { ids: [3, UUID, 999, 30], with_vector: true });
    expect(found.map(({ id }) => id)).toEqual([3, UUID, 30]);
    for (const [i, n] of [3, 7, 30].entries()) {
      expect(found[i]!.payload).toEqual(payloadOf(n));
      for (const [at, x] of (found[i]!.vector as number[]).entries()) expect(x).toBeCloseTo(list(n)[at]!, 6);
    }
    const some = await client.retrieve(name, { ids: [30], with_payload: ['colour', 'tags'] });
    expect(some[0]!.payload).toEqual({ colour: 'red', tags: ['a', 't0'] });
    const without = await client.retrieve(name, { ids: [30], with_payload: { exclude: ['price', 'sale'] } });
    expect(Object.keys(without[0]!.payload!).sort()).toEqual(['colour', 'group', 'size', 'tags']);
    // Again with another payload: replaced, not merged.
    await client.upsert(name, { points: [{ id: 3, vector: list(3), payload: { only: 1, gone: null } }] });
    expect((await client.retrieve(name, { ids: [3] }))[0]!.payload).toEqual({ only: 1 });
    const one = await fetch(`${url}/collections/${name}/points/${UUID}`);
    expect(await one.json()).toMatchObject({ result: { id: UUID, payload: payloadOf(7) }, status: 'ok' });
  });

  test.each([
    [{ id: 1, vector: [1, 2] }, 'points[1].vector'],
    [{ id: 1, vector: Array(DIM).fill(0) }, 'points[1].vector'],
    [{ id: '12', vector: list(1) }, 'points[1].id'],
    [{ id: -1, vector: list(1) }, 'points[1].id'],
    [{ id: 1.5, vector: list(1) }, 'points[1].id'],
    [{ id: 1, vector: { image: list(1) } }, 'points[1].vector'],
    [{ id: 1, vector: list(1), payload: { size: { w: 1 } } }, 'points[1].payload.size'],
    [{ id: 1, vector: list(1), payload: { sizes: [1, 2] } }, 'points[1].payload.sizes'],
    [{ id: 1, vector: list(1), payload: { tags: ['a', 1] } }, 'points[1].payload.tags'],
    [{ id: 1, vector: list(1), payload: { group: 5 } }, 'points[1].payload.group'],
    [{ id: 1, vector: list(1), what: 1 }, 'points[1].what'],
  ])('%j is refused, and nothing of the call is written', async (point, field) => {
    const name = 'refusals';
    if (!(await client.collectionExists(name)).exists) {
      await client.createCollection(name, { vectors: { size: DIM, distance: 'Cosine' } });
    }
    const points = [{ id: 0, vector: list(0) }, point] as Parameters<typeof client.upsert>[1] & object;
    const refused = await client.upsert(name, { points } as never).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 400 });
    const said = (refused as { data: { status: { error: string } } }).data.status.error;
    expect(said.startsWith(`${field}:`), said).toBe(true);
    expect(await client.count(name)).toEqual({ count: 0 });
  });

  test('scroll has every point once; filters by ids of both kinds', async () => {
    const name = await filled('scrolled');
    const seen: unknown[] = [];
    for (let offset: number | string | undefined; ; ) {
      const page = await client.scroll(name, { limit: 15, offset, with_payload: false });
      seen.push(...page.points.map(({ id }) => id));
      expect(page.points[0]).not.toHaveProperty('payload');
      if (page.next_page_offset === null) break;
      offset = page.next_page_offset as number | string;
    }
    expect(seen).toEqual(vectors.map((_, n) => idOf(n)));
    const filter = {
      must: [{ has_id: [1, 2, 3, 4, UUID, 8] }],
      must_not: [{ key: 'colour', match: { value: 'red' } }],
      should: null,
    };
    const { points } = await client.scroll(name, { filter });
    expect(points.map(({ id }) => id)).toEqual([1, 2, 4, UUID, 8]);
    expect(await client.count(name, { filter, exact: true })).toEqual({ count: 5 });
    const nested = {
      should: [{ must: [{ key: 'price', range: { lt: 2, gt: null } }] }, { must: [{ has_id: [20] }] }],
    };
    expect(await client.count(name, { filter: nested })).toEqual({ count: 3 });
    await expect(
      client.count(name, { filter: { must: [{ key: 'a', geo_radius: {} as never }] } }),
    ).rejects.toMatchObject({ status: 400 });
  });

  test('payloads: set, overwrite, delete, clear; delete by ids and by filter', async () => {
    const name = await filled('changed');
    const payload = async (id: number | string) => (await client.retrieve(name, { ids: [id] }))[0]!.payload;
    const done = { status: 'completed' };
    expect(
      await client.setPayload(name, { payload: { price: 9, tags: ['new'] }, points: [1, UUID] }),
    ).toMatchObject(done);
    expect(await payload(1)).toEqual({ ...payloadOf(1), price: 9, tags: ['new'] });
    await client.setPayload(name, {
      payload: { group: 'cheap' },
      filter: { must: [{ key: 'price', range: { lt: 4 } }] },
    });
    expect(await payload(3)).toEqual({ ...payloadOf(3), group: 'cheap' });
    expect(await payload(1)).not.toHaveProperty('group');
    await client.overwritePayload(name, { payload: { only: true }, points: [3] });
    expect(await payload(3)).toEqual({ only: true });
    await client.deletePayload(name, { keys: ['price', 'tags', 'group', 'nothing'], points: [0, 1] });
    expect(await payload(0)).toEqual({ colour: 'red', size: 0, sale: true });
    await client.clearPayload(name, { points: [2] });
    expect(await payload(2)).toEqual({});
    await expect(client.setPayload(name, { payload: { a: [1] }, points: [1] })).rejects.toMatchObject({
      status: 400,
    });
    await expect(client.setPayload(name, { payload: { a: 1 } })).rejects.toMatchObject({ status: 400 });
    expect(await client.delete(name, { points: [0, 1, 999] })).toMatchObject(done);
    expect(await client.count(name)).toEqual({ count: 38 });
    await client.delete(name, { filter: { must: [{ key: 'colour', match: { any: ['green', 'blue'] } }] } });
    const left = vectors.map((_, n) => n).filter((n) => n > 1 && (n === 2 || n === 3 || n % 3 === 0));
    expect(await client.count(name)).toEqual({ count: left.length });
    // As in Qdrant: everything. Our own routes refuse it.
    await client.delete(name, { filter: {} });
    expect(await client.count(name)).toEqual({ count: 0 });
  });

  test('facet', async () => {
    const name = await filled('facets');
    const { hits } = await client.facet(name, { key: 'colour' });
    expect(hits).toEqual([
      { value: 'red', count: 14 },
      { value: 'blue', count: 13 },
      { value: 'green', count: 13 },
    ]);
    const filter = { must: [{ key: 'price', range: { lt: 12 } }] };
    expect((await client.facet(name, { key: 'tags', filter, limit: 1 })).hits).toEqual([
      { value: 'a', count: 3 },
    ]);
  });
});

describe('search', () => {
  let name: string;
  beforeAll(async () => {
    name = await filled('searched');
  });
  const asIds = (hits: readonly { id: number | string }[]) => hits.map(({ id }) => id);
  const expected = (hits: readonly { slot: number }[]) => hits.map(({ slot }) => idOf(slot));

  test('query by vector, by id, nearest; options; the older search', async () => {
    const vector = vectors[5]!;
    const truth = naive(vector);
    const { points } = await client.query(name, { query: list(5), limit: 6, with_payload: true });
    expect(asIds(points)).toEqual(expected(truth.slice(0, 6)));
    for (const [i, { score }] of points.entries()) expect(score).toBeCloseTo(truth[i]!.score, 5);
    expect(points[0]).toMatchObject({ id: 5, version: 0, payload: payloadOf(5) });
    const plain = await client.query(name, {
      query: { nearest: list(5) },
      limit: 2,
      offset: 3,
      with_vector: true,
    });
    expect(asIds(plain.points)).toEqual(expected(truth.slice(3, 5)));
    expect(plain.points[0]).not.toHaveProperty('payload');
    expect(plain.points[0]!.vector).toHaveLength(DIM);
    for (const id of [5, UUID]) {
      const n = vectors.findIndex((_, i) => idOf(i) === id);
      const byId = await client.query(name, { query: id, limit: 4, params: { exact: true } });
      expect(asIds(byId.points)).toEqual(expected(naive(vectors[n]!, (i) => i !== n).slice(0, 4)));
    }
    const filter = { must: [{ key: 'sale', match: { value: true } }] };
    const score_threshold = 0.1;
    const some = await client.search(name, { vector: list(5), filter, score_threshold, limit: 40 });
    const passing = naive(vector, (n) => n % 2 === 0).filter(({ score }) => score >= score_threshold);
    expect(asIds(some)).toEqual(expected(passing));
    const both = await client.searchBatch(name, {
      searches: [
        { vector: list(1), limit: 2 },
        { vector: list(2), limit: 3 },
      ],
    });
    expect(both.map(asIds)).toEqual([
      expected(naive(vectors[1]!).slice(0, 2)),
      expected(naive(vectors[2]!).slice(0, 3)),
    ]);
    const spread = await client.query(name, {
      query: { nearest: list(5), mmr: { diversity: 1, candidates_limit: 40 } },
    });
    expect(spread.points[0]!.id).toBe(5);
    expect(asIds(spread.points)).not.toEqual(expected(truth.slice(0, 10)));
  });

  test('batch, recommend in both forms, both strategies', async () => {
    const recommend = { positive: [1, UUID, list(3)], negative: [8], strategy: 'best_score' as const };
    const batch = await client.queryBatch(name, {
      searches: [
        { query: list(9), limit: 2 },
        { query: { recommend }, limit: 5, with_payload: true },
      ],
    });
    expect(batch).toHaveLength(2);
    expect(asIds(batch[0]!.points)).toEqual(expected(naive(vectors[9]!).slice(0, 2)));
    for (const id of [1, UUID, 8]) expect(asIds(batch[1]!.points)).not.toContain(id);
    const older = await client.recommend(name, { ...recommend, limit: 5 });
    expect(asIds(older)).toEqual(asIds(batch[1]!.points));
    const mean = await client.query(name, { query: { recommend: { positive: [1, 2] } }, limit: 5 });
    const sum = vectors[1]!.map((x, i) => x + vectors[2]![i]!);
    expect(asIds(mean.points)).toEqual(expected(naive(sum, (n) => n !== 1 && n !== 2).slice(0, 5)));
  });

  test('groups by group, by a keyword, by an integer', async () => {
    const { groups } = await client.queryGroups(name, {
      query: list(5),
      group_by: 'colour',
      group_size: 2,
      limit: 3,
      with_payload: true,
    });
    expect(groups).toHaveLength(3);
    for (const { id, hits } of groups) {
      const members = naive(vectors[5]!, (n) => COLOURS[n % 3] === id);
      expect(asIds(hits)).toEqual(expected(members.slice(0, 2)));
      expect(hits[0]!.payload).toMatchObject({ colour: id });
    }
    const sizes = await client.queryGroups(name, { query: list(5), group_by: 'size', limit: 10 });
    expect(sizes.groups.map(({ id }) => id).sort()).toEqual([0, 1, 2, 3]);
    const own = await client.queryGroups(name, {
      query: list(0),
      group_by: 'group',
      limit: 40,
      group_size: 3,
    });
    expect(own.groups.find(({ id }) => id === 'g0')!.hits.map(({ id }) => id)).toContain(0);
  });

  test.each([
    [{ query: [1, 2] }, 400],
    [{ query: 12345 }, 404],
    [{ query: list(1), limit: 0 }, 400],
    [{ query: list(1), using: 'image' }, 400],
    [{ query: list(1), prefetch: [{ query: list(2) }] }, 400],
    [{ query: list(1), params: { exakt: true } }, 400],
    [{ query: { fusion: 'rrf' } }, 400],
    [{ query: { recommend: { positive: [1], strategy: 'sum_scores' } } }, 400],
    [{ query: { recommend: { positive: [] } } }, 400],
    [{ query: list(1), filter: { must: [{ nested: {} }] } }, 400],
    [{ limit: 5 }, 400],
  ])('%j is refused', async (query, status) => {
    await expect(client.query(name, query as never)).rejects.toMatchObject({
      status,
      data: { status: { error: expect.any(String) }, time: expect.any(Number) },
    });
  });

  test('what is not served is said so in the same shape', async () => {
    await expect(client.getCollectionAliases('nobody')).rejects.toMatchObject({ status: 404 });
    await expect(client.createSnapshot(name)).rejects.toMatchObject({
      status: 404,
      data: { status: { error: expect.stringContaining('not served') } },
    });
    const wrong = await fetch(`${url}/collections/${name}/points`, { method: 'PATCH' });
    expect([wrong.status, await wrong.json()]).toMatchObject([
      405,
      { status: { error: expect.any(String) } },
    ]);
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' };
    const broken = await fetch(`${url}/collections/${name}/points/query`, json);
    expect([broken.status, await broken.json()]).toMatchObject([
      400,
      { status: { error: expect.any(String) } },
    ]);
    for (const key of ['must', 'has_id', 'key']) {
      const deep = `{"${key}":`.repeat(20_000) + '1'.padEnd(20_001, '}');
      const filter = { ...json, body: `{"filter": {"must": ${deep}}}` };
      expect((await fetch(`${url}/collections/${name}/points/count`, filter)).status).toBe(400);
    }
  });
});

describe('images', () => {
  test("a collection with a model is searched by Qdrant's image objects; one without says that it cannot", async () => {
    const image = it.images.get('p2-1')!.toString('base64');
    const found = await client.query('shop', {
      query: { image, model: 'tiny' } as never,
      limit: 1,
      with_payload: true,
    });
    expect(found.points[0]).toMatchObject({
      id: 'p2-1',
      payload: {
        group: 'p2',
        tags: ['striped'],
        price: 12.5,
        image: '/v1/collections/shop/items/p2-1/image',
      },
    });
    const other = client.query('shop', { query: { image, model: 'other' } as never });
    await expect(other).rejects.toMatchObject({ status: 400 });
    await client.createCollection('blind', { vectors: { size: DIM, distance: 'Cosine' } });
    const query = { nearest: { image } } as never;
    await expect(client.query('blind', { query })).rejects.toMatchObject({
      status: 409,
      data: { status: { error: expect.stringContaining('vectors only') } },
    });
  });
});
