// /v1/collections and /v1/collections/{collection}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIMENSION, openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

test('a collection is made, listed, described and deleted', async () => {
  const made = await it.http.put('/v1/collections/lamps');
  expect(made.status).toBe(200);
  const { fingerprint } = it.shop.info;
  const info = {
    name: 'lamps',
    model: 'tiny',
    fingerprint,
    dimension: DIMENSION,
    metric: 'cosine',
    count: 0,
    indexed: 0,
    status: 'green',
  };
  expect(made.body).toEqual({ result: info, status: 'ok', time: expect.any(Number) });
  expect((await it.http.get('/v1/collections/lamps')).body.result).toEqual({
    ...info,
    recall: { by_filter: [], by_width: [], proposed_ef: null },
  });
  const { collections } = (await it.http.get('/v1/collections')).body.result;
  expect(collections.map((one: { name: string }) => one.name)).toEqual(['lamps', 'shop']);
  expect(collections[1].count).toBe(12);

  const again = await it.http.put('/v1/collections/lamps').send({ model: 'tiny' });
  expect(again.status).toBe(409);
  expect(again.body.error.code).toBe('collection_exists');

  const dropped = await it.http.delete('/v1/collections/lamps');
  expect(dropped.body).toMatchObject({ result: true, status: 'ok' });
  for (const request of [it.http.get('/v1/collections/lamps'), it.http.delete('/v1/collections/lamps')]) {
    const { status, body } = await request;
    expect(status).toBe(404);
    expect(body.error).toMatchObject({ code: 'collection_not_found', field: 'collection' });
  }
});
