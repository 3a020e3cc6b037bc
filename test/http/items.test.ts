// /v1/collections/{collection}/items and below

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIMENSION, openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const ITEMS = '/v1/collections/shop/items';
const picture = (id: string) => it.images.get(id)!;
const base64 = (id: string) => ({ base64: picture(id).toString('base64') });

test('upsert answers per item: created, unchanged, updated, failed; the good ones are there', async () => {
  await it.http.put('/v1/collections/mixed');
  const url = '/v1/collections/mixed/items';
  const first = await it.http.put(url).send({ items: [{ id: 'a', image: base64('p0-0') }] });
  expect(first.body.result).toEqual({ items: [{ id: 'a', status: 'created' }] });
  const { status, body } = await it.http.put(url).send({
    items: [
      { id: 'a', image: base64('p0-0') },
      { id: 'b', group: 'g', vector: Array.from({ length: DIMENSION }, (_, i) => i), tags: ['t'] },
      { id: 'c', image: { base64: Buffer.from('no picture at all').toString('base64') } },
      { id: 'd', vector: [1, 2, 3] },
      { id: 'a', image: base64('p0-0'), attributes: { price: 3 } },
    ],
  });
  expect(status).toBe(200);
  expect(body.result.items.map((item: { id: string; status: string }) => [item.id, item.status])).toEqual([
    ['a', 'unchanged'],
    ['b', 'created'],
    ['c', 'failed'],
    ['d', 'failed'],
    ['a', 'updated'],
  ]);
  expect(body.result.items[2].error).toMatchObject({
    code: 'image_unsupported',
    link: '/docs/errors#image_unsupported',
  });
  expect(body.result.items[3].error).toMatchObject({ code: 'vector_dimension', field: 'items[3].vector' });
  expect((await it.http.get('/v1/collections/mixed')).body.result.count).toBe(2);
  const file = await it.http.put(url).send({ items: [{ id: 'e', image: { base64: 'photos/e-1.JPG' } }] });
  expect(file.body.error).toMatchObject({
    code: 'invalid_argument',
    message: expect.stringMatching(/received .*e-1\.JPG.*\. Files by their names: npx attractor import$/),
  });
});

test('get shows the item; its vector only where asked for', async () => {
  const { body } = await it.http.get(`${ITEMS}/p2-1`);
  expect(body.result).toEqual({
    id: 'p2-1',
    group: 'p2',
    tags: ['striped'],
    attributes: { name: 'Product p2-1', price: 12.5, new: true },
    image: '/v1/collections/shop/items/p2-1/image',
  });
  const { vector } = (await it.http.get(`${ITEMS}/p2-1?with_vector=true`)).body.result;
  expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
});

test('the image comes back byte for byte, with its hash as ETag, and 304 the second time', async () => {
  const { status, headers, body } = await it.http.get(`${ITEMS}/p2-1/image`);
  expect(status).toBe(200);
  expect(Buffer.compare(body, picture('p2-1'))).toBe(0);
  const hash = createHash('sha256').update(picture('p2-1')).digest('hex');
  expect(headers).toMatchObject({
    'content-type': 'image/png',
    etag: `"${hash}"`,
    'cache-control': 'public, max-age=300',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'cross-origin',
  });
  const image = `${ITEMS}/p2-1/image`;
  for (const known of [headers.etag!, `"other", W/${headers.etag}`, '*']) {
    const again = await it.http.get(image).set('If-None-Match', known);
    expect([again.status, again.text, again.headers['content-type']]).toEqual([304, '', undefined]);
  }
  expect((await it.http.get(image).set('If-None-Match', '"other"')).status).toBe(200);
});

test('upload of one item, with its facts in the form field item; ids need percent-encoding', async () => {
  const id = 'ärm/chair 100%?#1';
  const url = `${ITEMS}/${encodeURIComponent(id)}`;
  const facts = { group: 'chairs', tags: ['oak'], attributes: { price: 99 } };
  const put = await it.http
    .put(url)
    .field('item', JSON.stringify(facts))
    .attach('image', picture('p3-0'), 'x');
  expect(put.body.result).toEqual({ id, status: 'created' });
  const got = await it.http.get(url);
  expect(got.body.result).toMatchObject({ id, ...facts });
  expect((await it.http.get(got.body.result.image)).status).toBe(200);
  const bare = await it.http.put(url).attach('image', picture('p3-0'), 'x');
  expect(bare.body.result).toEqual({ id, status: 'updated' });
  expect((await it.http.get(url)).body.result).toMatchObject({ group: id, tags: [], attributes: {} });
  expect((await it.http.delete(url)).body.result).toEqual({ deleted: 1 });
});

test.each([{}, { must: [] }, { should: [{ must: [] }], must_not: {} }])(
  'the filter %j, which is no condition, deletes and changes nothing',
  async (filter) => {
    const count = async () => (await it.http.post('/v1/collections/shop/count').send({})).body.result;
    const before = await count();
    const change = { attributes: { touched: true } };
    for (const answer of [
      await it.http.post(`${ITEMS}/delete`).send({ filter }),
      await it.http.post(`${ITEMS}/patch`).send({ filter, ...change }),
    ]) {
      expect(answer.body.error).toMatchObject({ code: 'invalid_argument', field: 'filter' });
      expect(answer.body.error.message).toContain('delete the collection');
    }
    expect(await count()).toEqual(before);
    const touched = { filter: 'touched = true' };
    expect((await it.http.post('/v1/collections/shop/count').send(touched)).body.result.count).toBe(0);
    const odd = await it.http.post(`${ITEMS}/delete`).send({ filter: { must: [null] } });
    expect(odd.body.error.field).toBe('filter.must[0]');
  },
);

test('an item called delete can be got, although /items/delete is a route', async () => {
  await it.http.put(`${ITEMS}/delete`).attach('image', picture('p3-0'), 'x');
  expect((await it.http.get(`${ITEMS}/delete`)).body.result.id).toBe('delete');
  expect((await it.http.delete(`${ITEMS}/delete`)).body.result).toEqual({ deleted: 1 });
});

test('a vector item has no image', async () => {
  const vector = Array.from({ length: DIMENSION }, (_, i) => (i === 3 ? 1 : 0));
  await it.http.put(ITEMS).send({ items: [{ id: 'bare', vector }] });
  const { body } = await it.http.get(`${ITEMS}/bare`);
  expect(body.result).toEqual({ id: 'bare', group: 'bare', tags: [], attributes: {} });
  const { status, body: none } = await it.http.get(`${ITEMS}/bare/image`);
  expect([status, none.error.code]).toEqual([404, 'image_not_stored']);
  await it.http.delete(`${ITEMS}/bare`);
});

test('deleted items are gone from get and from answers; unknown ids count nothing', async () => {
  await it.http.put('/v1/collections/brief');
  const url = '/v1/collections/brief/items';
  const items = ['p0-0', 'p0-1', 'p1-0'].map((id) => ({ id, image: base64(id) }));
  await it.http.put(url).send({ items });
  const { body } = await it.http.post(`${url}/delete`).send({ ids: ['p0-0', 'p1-0', 'nobody'] });
  expect(body.result).toEqual({ deleted: 2 });
  expect((await it.http.delete(`${url}/p0-0`)).body.result).toEqual({ deleted: 0 });
  expect((await it.http.get(`${url}/p0-0`)).body.error.code).toBe('item_not_found');
  const query = await it.http.post('/v1/collections/brief/query').attach('image', picture('p0-0'), 'x');
  expect(query.body.result.points.map((point: { id: string }) => point.id)).toEqual(['p0-1']);
});
