// scroll, count, facet, patch and delete by filter, and collections without a model, over HTTP.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const SHOP = '/v1/collections/shop';
const post = (path: string, body?: object) => it.http.post(`${SHOP}/${path}`).send(body);

test('scroll: pages with a cursor until it is null', async () => {
  const seen: string[] = [];
  let offset: string | null | undefined;
  for (let page = 0; offset !== null; page++) {
    const { status, body } = await post('scroll', { limit: 5, ...(offset && { offset }) });
    expect(status).toBe(200);
    expect(body.result.points).toHaveLength(page === 2 ? 2 : 5);
    seen.push(...body.result.points.map((point: { id: string }) => point.id));
    offset = body.result.next_page_offset;
  }
  expect(seen).toEqual([...it.images.keys()]);
  const filtered = await post('scroll', { filter: 'group = "p2"', with_payload: false, with_vector: true });
  expect(filtered.body.result.next_page_offset).toBeNull();
  expect(filtered.body.result.points.map(Object.keys)).toEqual(Array(3).fill(['id', 'vector']));
  expect((await it.http.post(`${SHOP}/scroll`)).body.result.points).toHaveLength(10);
  const { body } = await post('scroll', { limit: 1 });
  const hit = (await it.http.post(`${SHOP}/query`).send({ id: 'p0-1', why: 'p0-0' })).body.result.points;
  expect(body.result.points[0].payload).toEqual(hit.find((one: { id: string }) => one.id === 'p0-0').payload);
});

test('count and facet', async () => {
  expect((await post('count', {})).body.result).toEqual({ count: 12 });
  expect((await it.http.post(`${SHOP}/count`)).body.result).toEqual({ count: 12 });
  expect(
    (await post('count', { filter: { must_not: [{ has_id: ['p0-0'] }] }, exact: true })).body.result,
  ).toEqual({
    count: 11,
  });
  expect((await post('facet', { key: 'tags' })).body.result).toEqual({
    hits: [{ value: 'striped', count: 12 }],
  });
  expect((await post('facet', { key: 'group', filter: 'group != "p1"', limit: 2 })).body.result).toEqual({
    hits: [
      { value: 'p0', count: 3 },
      { value: 'p2', count: 3 },
    ],
  });
  expect((await post('facet', { key: 'new' })).body.result).toEqual({ hits: [{ value: true, count: 12 }] });
});

describe('changing many', () => {
  test('patch one, patch by filter, delete by filter', async () => {
    const one = (id: string, body: object) => it.http.patch(`${SHOP}/items/${id}`).send(body);
    const change = { attributes: { price: null, colour: 'red' }, tags: ['sale'], group: 'p9' };
    const first = await one('p0-0', change);
    expect([first.status, first.body.result]).toEqual([200, { id: 'p0-0', status: 'updated' }]);
    expect((await one('p0-0', change)).body.result.status).toBe('unchanged');
    const item = (await it.http.get(`${SHOP}/items/p0-0`)).body.result;
    expect(item).toMatchObject({
      group: 'p9',
      tags: ['sale'],
      attributes: { name: 'Product p0-0', new: true, colour: 'red' },
      image: expect.any(String),
    });
    expect(item.attributes).not.toHaveProperty('price');
    expect((await one('nobody', change)).status).toBe(404);

    const many = await post('items/patch', { filter: 'group = "p1"', attributes: { stock: 0 }, tags: null });
    expect(many.body.result).toEqual({ matched: 3, updated: 3 });
    const ids = await post('items/patch', { ids: ['p2-0', 'nobody'], group: null });
    expect(ids.body.result).toEqual({ matched: 1, updated: 1 });
    expect((await post('count', { filter: 'stock = 0 AND tags IS EMPTY' })).body.result.count).toBe(3);

    const deleted = await post('items/delete', { filter: 'stock = 0' });
    expect(deleted.body.result).toEqual({ deleted: 3 });
    expect((await post('count', {})).body.result.count).toBe(9);
    expect((await post('items/delete', { ids: ['p2-0'] })).body.result).toEqual({ deleted: 1 });
  });

  test.each<[string, object, string]>([
    ['items/delete', {}, 'body'],
    ['items/delete', { ids: ['p3-0'], filter: {} }, 'body'],
    ['items/delete', { ids: [] }, 'ids'],
    ['items/delete', { filter: 'price <' }, 'filter'],
    ['items/delete', { filter: null }, 'filter'],
    ['items/patch', { tags: ['a'] }, 'body'],
    ['items/patch', { ids: ['p3-0'] }, 'body'],
    ['items/patch', { ids: ['p3-0'], filter: {}, tags: [] }, 'body'],
    ['items/patch', { ids: ['p3-0'], attributes: { group: 'x' } }, 'attributes.group'],
    ['items/patch', { ids: ['p3-0'], attributes: { a: [] } }, 'attributes.a'],
    ['items/patch', { ids: ['p3-0'], tags: [''] }, 'tags[0]'],
    ['items/patch', { ids: ['p3-0'], tags: 'sale' }, 'tags'],
    ['items/patch', { ids: ['p3-0'], vector: [1] }, 'vector'],
    ['scroll', { limit: 0 }, 'limit'],
    ['scroll', { offset: 5 }, 'offset'],
    ['scroll', { order_by: 'price' }, 'order_by'],
    ['count', { exact: 'yes' }, 'exact'],
    ['count', { filter: { must: [{ key: 'a' }] } }, 'filter.must[0]'],
    ['facet', {}, 'key'],
    ['facet', { key: '' }, 'key'],
    ['facet', { key: 'a', limit: 1001 }, 'limit'],
  ])('%s %j is a 400', async (path, body, field) => {
    const before = (await post('count', {})).body.result.count;
    const answer = await post(path, body);
    expect([answer.status, answer.body.error?.field]).toEqual([400, field]);
    expect((await post('count', {})).body.result.count).toBe(before);
  });

  test('a cursor, a collection, an item that are not there; a patch of nothing', async () => {
    expect((await post('scroll', { offset: 'nobody' })).body.error).toMatchObject({
      code: 'item_not_found',
      field: 'offset',
    });
    for (const path of [
      'scroll',
      'count',
      'facet',
      'query/batch',
      'recommend',
      'items/patch',
      'items/delete',
    ]) {
      const { status, body } = await it.http.post(`/v1/collections/nobody/${path}`).send({ key: 'a' });
      expect([status, body.error.code], path).toEqual([404, 'collection_not_found']);
    }
    const nothing = await it.http.patch(`${SHOP}/items/p3-0`).send({});
    expect([nothing.status, nothing.body.error.field]).toEqual([400, 'body']);
  });
});

test('a collection by its dimension takes vectors, and says what images come to', async () => {
  const path = '/v1/collections/points';
  const made = await it.http.put(path).send({ dimension: 3 });
  expect(made.body.result).toMatchObject({ model: null, fingerprint: null, dimension: 3, count: 0 });
  const items = [{ id: 'a', vector: [1, 2, 2] }];
  expect((await it.http.put(`${path}/items`).send({ items })).body.result.items).toEqual([
    { id: 'a', status: 'created' },
  ]);
  const { body } = await it.http.post(`${path}/query`).send({ vector: [1, 2, 2], with_vector: true });
  expect(body.result.points).toMatchObject([
    { id: 'a', score: expect.closeTo(1, 5), payload: { group: 'a' } },
  ]);
  const image = it.images.get('p0-0')!;
  const query = await it.http.post(`${path}/query`).attach('image', image, 'x.png');
  expect([query.status, query.body.error.code, query.body.error.field]).toEqual([
    409,
    'collection_without_model',
    'image',
  ]);
  const upload = await it.http.put(`${path}/items/b`).attach('image', image, 'x.png');
  expect([upload.status, upload.body.error.field]).toEqual([409, 'image']);
  for (const [wrong, field] of [
    [{ dimension: 0 }, 'dimension'],
    [{ dimension: 3, model: 'tiny' }, 'body'],
    [{ size: 3 }, 'size'],
  ] as const) {
    const refused = await it.http.put('/v1/collections/more').send(wrong);
    expect([refused.status, refused.body.error.field]).toEqual([400, field]);
  }
});
