// Requests and images that are wrong, each a 4xx with a code of the table and the field to blame; after all of them the
// server still answers.

import { once } from 'node:events';
import { request as rawRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Response, Test } from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors/table.ts';
import { sharp } from '../../src/image/libvips.ts';
import { DIMENSION, LIMITS, openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const SHOP = '/v1/collections/shop';
const QUERY = `${SHOP}/query`;
const GROUPS = `${SHOP}/query/groups`;
const ITEMS = `${SHOP}/items`;
const png = () => it.images.get('p0-0')!;
const unit = Array.from({ length: DIMENSION }, (_, i) => (i === 0 ? 1 : 0));

const query = (body: object) => it.http.post(QUERY).send(body);
const groups = (body: object) => it.http.post(GROUPS).send(body);
const items = (...list: unknown[]) => it.http.put(ITEMS).send({ items: list });
const json = (text: string) => it.http.post(QUERY).set('content-type', 'application/json').send(text);
const upload = (bytes: Buffer, name = 'x.png') => it.http.post(QUERY).attach('image', bytes, name);

type Case = [what: string, send: () => PromiseLike<Response>, code: ErrorCode, field?: string];

function table(name: string, cases: Case[]) {
  describe(name, () => {
    test.each(cases)('%s', async (_, send, code, field) => {
      const { status, body } = await send();
      expect(body.error, JSON.stringify(body)).toMatchObject({ code, link: `/docs/errors#${code}` });
      expect(body.error.field).toBe(field);
      expect(status).toBe(ERRORS[code].status);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body.status).toBe('error');
      expect(body.error.message.length).toBeLessThan(600);
      expect(body.error.request_id).toMatch(/./);
    });
  });
}

const bad = 'invalid_argument';
const unknown = 'unknown_option';

table('options', [
  ['limit 0', () => query({ id: 'p0-0', limit: 0 }), bad, 'limit'],
  ['limit negative', () => query({ id: 'p0-0', limit: -1 }), bad, 'limit'],
  ['limit a float', () => query({ id: 'p0-0', limit: 1.5 }), bad, 'limit'],
  ['limit huge', () => query({ id: 'p0-0', limit: 1e9 }), bad, 'limit'],
  ['limit beyond integers', () => json('{"id":"p0-0","limit":1e400}'), bad, 'limit'],
  ['limit a string', () => query({ id: 'p0-0', limit: '10' }), bad, 'limit'],
  ['limit null', () => query({ id: 'p0-0', limit: null }), bad, 'limit'],
  ['limit an array', () => query({ id: 'p0-0', limit: [1] }), bad, 'limit'],
  ['limit in the URL is a word', () => it.http.post(`${QUERY}?limit=ten`).send({ id: 'p0-0' }), bad, 'limit'],
  [
    'limit twice in the URL',
    () => it.http.post(`${QUERY}?limit=1&limit=2`).send({ id: 'p0-0' }),
    bad,
    'limit',
  ],
  [
    'limit in URL and body',
    () => it.http.post(`${QUERY}?limit=1`).send({ id: 'p0-0', limit: 1 }),
    bad,
    'limit',
  ],
  ['limit in a form is a word', () => upload(png()).field('limit', 'ten'), bad, 'limit'],
  ['limit twice in a form', () => upload(png()).field('limit', '1').field('limit', '2'), bad, 'limit'],
  ['with_payload a string', () => query({ id: 'p0-0', with_payload: 'yes' }), bad, 'with_payload'],
  ['with_vector a number', () => query({ id: 'p0-0', with_vector: 1 }), bad, 'with_vector'],
  ['score_threshold above 1', () => query({ id: 'p0-0', score_threshold: 1.01 }), bad, 'score_threshold'],
  ['score_threshold a string', () => query({ id: 'p0-0', score_threshold: '0.5' }), bad, 'score_threshold'],
  ['params a string', () => query({ id: 'p0-0', params: 'exact' }), bad, 'params'],
  ['params of a form not JSON', () => upload(png()).field('params', '{exact}'), bad, 'params'],
  ['hnsw_ef 0', () => query({ id: 'p0-0', params: { hnsw_ef: 0 } }), bad, 'params.hnsw_ef'],
  ['exact a string', () => query({ id: 'p0-0', params: { exact: 'true' } }), bad, 'params.exact'],
  ['an unknown param', () => query({ id: 'p0-0', params: { ef: 10 } }), unknown, 'params.ef'],
  ['a misspelt option', () => query({ id: 'p0-0', limt: 10 }), unknown, 'limt'],
  ['a misspelt form field', () => upload(png()).field('limt', '10'), unknown, 'limt'],
  ['a misspelt URL parameter', () => it.http.post(`${QUERY}?limt=1`).send({ id: 'p0-0' }), unknown, 'limt'],
  ['a URL parameter where there is none', () => it.http.get('/v1/collections?limit=1'), unknown, 'limit'],
  ['__proto__ as a field', () => json('{"id":"p0-0","__proto__":{"limit":1}}'), unknown, '__proto__'],
  ['constructor as a field', () => json('{"id":"p0-0","constructor":{}}'), unknown, 'constructor'],
  ['group_size 0', () => groups({ id: 'p0-0', group_size: 0 }), bad, 'group_size'],
  ['group_size 101', () => groups({ id: 'p0-0', group_size: 101 }), bad, 'group_size'],
  ['group_by a number', () => groups({ id: 'p0-0', group_by: 5 }), bad, 'group_by'],
  ['group_size outside groups', () => query({ id: 'p0-0', group_size: 2 }), unknown, 'group_size'],
  ['with_vector of get a word', () => it.http.get(`${ITEMS}/p0-0?with_vector=yes`), bad, 'with_vector'],
]);

table('what to search by', [
  ['nothing', () => query({ limit: 3 }), bad, 'body'],
  ['two things', () => query({ id: 'p0-0', vector: unit }), bad, 'body'],
  ['an empty body', () => it.http.post(QUERY), bad, 'body'],
  ['an array as body', () => json('[]'), bad, 'body'],
  ['an id that is not there', () => query({ id: 'nobody' }), 'item_not_found', 'id'],
  ['an id that is a number', () => query({ id: 5 }), bad, 'id'],
  ['an empty id', () => query({ id: '' }), bad, 'id'],
  ['an id with a control character', () => query({ id: 'a\u0000b' }), bad, 'id'],
  ['an id with half a surrogate pair', () => json('{"id":"\\ud800"}'), bad, 'id'],
  ['a query that is a number', () => query({ query: 5 }), bad, 'query'],
  ['a vector too short', () => query({ vector: [1, 2] }), 'vector_dimension', 'vector'],
  ['a vector too long', () => query({ vector: [...unit, 0] }), 'vector_dimension', 'vector'],
  ['an empty vector', () => query({ vector: [] }), bad, 'vector'],
  ['a vector of 9,000', () => query({ vector: new Array(9000).fill(1) }), bad, 'vector'],
  ['a vector of strings', () => query({ vector: unit.map(String) }), bad, 'vector[0]'],
  ['a vector with null', () => query({ vector: [...unit.slice(1), null] }), bad, `vector[${DIMENSION - 1}]`],
  ['a vector beyond float32', () => query({ vector: [1e300, ...unit.slice(1)] }), bad, 'vector[0]'],
  ['a vector with 1e999', () => json(`{"vector":[1e999${',0'.repeat(DIMENSION - 1)}]}`), bad, 'vector[0]'],
  ['a zero vector', () => query({ vector: unit.map(() => 0) }), bad, 'vector'],
  ['a vector that is an object', () => query({ vector: { 0: 1 } }), bad, 'vector'],
  ['an array nested 50,000 deep', () => json(`{"vector":${'['.repeat(5e4)}${']'.repeat(5e4)}}`), bad, 'body'],
  [
    'a collection that is not there',
    () => it.http.post('/v1/collections/no/query'),
    'collection_not_found',
    'collection',
  ],
]);

table('images', [
  ['text instead of an image', () => upload(Buffer.from('hello'), 'x.jpg'), 'image_unsupported', 'image'],
  ['a PDF called jpg', () => upload(Buffer.from('%PDF-1.7 ...'), 'x.jpg'), 'image_unsupported', 'image'],
  [
    'an SVG',
    () => upload(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    'image_unsupported',
    'image',
  ],
  ['a truncated PNG', () => upload(png().subarray(0, png().length / 2)), 'image_undecodable', 'image'],
  ['a PNG of 8 bytes', () => upload(png().subarray(0, 8)), 'image_undecodable', 'image'],
  [
    'a PNG with a broken header',
    () => upload(Buffer.concat([png().subarray(0, 12), Buffer.from('JUNK'), png().subarray(16)])),
    'image_undecodable',
    'image',
  ],
  [
    'JPEG bytes that stop',
    () => upload(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])),
    'image_undecodable',
    'image',
  ],
  [
    'a small file of many pixels',
    async () =>
      upload(
        await sharp({ create: { width: 1100, height: 1100, channels: 3, background: 'white' } })
          .png()
          .toBuffer(),
      ),
    'image_too_large',
    'image',
  ],
  ['a file of too many bytes', () => upload(Buffer.alloc(LIMITS.imageBytes + 1)), 'image_too_large', 'image'],
  ['an empty file', () => upload(Buffer.alloc(0)), 'invalid_multipart', 'image'],
  ['a form without parts', () => it.http.post(QUERY).field('limit', '3'), 'invalid_multipart', 'image'],
  ['a wrong part name', () => it.http.post(QUERY).attach('file', png(), 'x'), 'invalid_multipart', 'file'],
  ['two image parts', () => upload(png()).attach('image', png(), 'y'), 'invalid_multipart', 'image'],
  ['the image as text', () => it.http.post(QUERY).field('image', 'text'), 'invalid_multipart', 'image'],
  ['an id beside an upload', () => upload(png()).field('id', 'p0-0'), unknown, 'id'],
  [
    'nested field names',
    () => upload(png()).field('params[exact]', 'true'),
    'invalid_multipart',
    'params[exact]',
  ],
  ['100 form fields', () => manyFields(100), 'invalid_multipart', 'body'],
  ['a form field of 100 KB', () => upload(png()).field('limit', '1'.repeat(1e5)), 'body_too_large', 'limit'],
  ['a form without boundary', () => form('multipart/form-data', 'x'), 'invalid_multipart', 'body'],
  [
    'a form that never ends',
    () => form('multipart/form-data; boundary=b', '--b\r\nContent-'),
    'invalid_multipart',
    'body',
  ],
  ['base64 of an empty image', () => query({ image: '' }), bad, 'image'],
  ['base64 with other characters', () => query({ image: 'abc$defg' }), bad, 'image'],
  ['base64 of an impossible length', () => query({ image: 'abcde' }), bad, 'image'],
  ['a data URI without base64', () => query({ image: 'data:image/png,hello' }), bad, 'image'],
  ['a URL as image', () => query({ image: 'https://example.com/a.jpg' }), bad, 'image'],
  ['an image object with an unknown field', () => query({ image: { path: 'x' } }), bad, 'image'],
  ['a URL where none are fetched', () => query({ image: { url: 'x' } }), 'url_forbidden', 'image.url'],
  ['a filter of 65 levels', () => json(`{"filter":${'['.repeat(64)}${']'.repeat(64)}}`), bad, 'body'],
  ['UTF-16', () => form('application/json; charset=utf-16', '{}'), 'unsupported_media_type', 'body'],
  ['an image that is a number', () => query({ image: 5 }), bad, 'image'],
  [
    'base64 of text',
    () => query({ image: Buffer.from('hello you').toString('base64') }),
    'image_unsupported',
    'image',
  ],
  ['huge base64', () => query({ image: 'A'.repeat(LIMITS.imageBytes * 2) }), 'image_too_large', 'image'],
]);

table('bodies', [
  ['broken JSON', () => json('{"id": '), 'invalid_json', 'body'],
  ['NaN in JSON', () => json('{"vector":[NaN]}'), 'invalid_json', 'body'],
  ['a bare string', () => json('"hello"'), 'invalid_json', 'body'],
  ['a body too large', () => query({ id: 'x'.repeat(LIMITS.bodyBytes) }), 'body_too_large', 'body'],
  ['a gzip bomb', () => encoded('gzip', gzipSync(Buffer.alloc(4e6, 32))), 'body_too_large', 'body'],
  ['gzip that is none', () => encoded('gzip', Buffer.from('hello')), bad, 'body'],
  ['an unknown encoding', () => encoded('snappy', Buffer.from('{}')), 'unsupported_media_type', 'body'],
  ['text/plain', () => form('text/plain', '{}'), 'unsupported_media_type', 'content-type'],
  [
    'a form of urlencoded fields',
    () => it.http.post(QUERY).type('form').send({ id: 'p0-0' }),
    'unsupported_media_type',
    'content-type',
  ],
  [
    'raw image bytes',
    () => it.http.post(QUERY).type('image/png').send(png()),
    'unsupported_media_type',
    'content-type',
  ],
  [
    'an unknown charset',
    () => form('application/json; charset=klingon', '{}'),
    'unsupported_media_type',
    'body',
  ],
  [
    'a form for a JSON route',
    () => it.http.put(ITEMS).attach('image', png(), 'x'),
    'unsupported_media_type',
    'content-type',
  ],
  [
    'JSON for an upload route',
    () => it.http.put(`${ITEMS}/a`).send({}),
    'unsupported_media_type',
    'content-type',
  ],
]);

table('items', [
  ['no items', () => it.http.put(ITEMS).send({}), bad, 'items'],
  ['an empty list', () => items(), bad, 'items'],
  [
    'too many',
    () => items(...new Array(LIMITS.itemsPerCall + 1).fill({ id: 'a', vector: unit })),
    bad,
    'items',
  ],
  ['an item that is null', () => items(null), bad, 'items[0]'],
  ['no id', () => items({ vector: unit }), bad, 'items[0].id'],
  ['neither image nor vector', () => items({ id: 'a' }), bad, 'items[0]'],
  ['both image and vector', () => items({ id: 'a', image: 'AAAA', vector: unit }), bad, 'items[0]'],
  ['an unknown field', () => items({ id: 'a', vector: unit, price: 3 }), unknown, 'items[0].price'],
  [
    'the second is wrong',
    () => items({ id: 'a', vector: unit }, { id: 'b', vector: ['x'] }),
    bad,
    'items[1].vector[0]',
  ],
  [
    'bad base64 in the second',
    () => items({ id: 'a', vector: unit }, { id: 'b', image: '!!' }),
    bad,
    'items[1].image',
  ],
  ['tags a string', () => items({ id: 'a', vector: unit, tags: 'x' }), bad, 'items[0].tags'],
  ['a tag that is a number', () => items({ id: 'a', vector: unit, tags: ['x', 1] }), bad, 'items[0].tags[1]'],
  ['attributes an array', () => items({ id: 'a', vector: unit, attributes: [] }), bad, 'items[0].attributes'],
  [
    'an attribute that is an object',
    () => items({ id: 'a', vector: unit, attributes: { x: {} } }),
    bad,
    'items[0].attributes.x',
  ],
  [
    'an attribute that is reserved',
    () => items({ id: 'a', vector: unit, attributes: { group: 1 } }),
    bad,
    'items[0].attributes.group',
  ],
  [
    'an attribute called __proto__',
    () => rawItems('{"items":[{"id":"a","vector":[1],"attributes":{"__proto__":"x"}}]}'),
    bad,
    'items[0].attributes.__proto__',
  ],
  ['an id of two dots', () => items({ id: '..', vector: unit }), bad, 'items[0].id'],
  ['item of an upload not JSON', () => put('{"group"'), bad, 'item'],
  ['item of an upload with an id', () => put('{"id":"b"}'), unknown, 'item.id'],
  [
    'an upload that is no image',
    () => it.http.put(`${ITEMS}/a`).attach('image', Buffer.from('x'), 'x'),
    'image_unsupported',
    'image',
  ],
  ['an upload with a long tag', () => put(JSON.stringify({ tags: ['x'.repeat(300)] })), bad, 'tags[0]'],
  ['get of an unknown item', () => it.http.get(`${ITEMS}/nobody`), 'item_not_found', 'id'],
  ['image of an unknown item', () => it.http.get(`${ITEMS}/nobody/image`), 'item_not_found', 'id'],
  ['delete without ids', () => it.http.post(`${ITEMS}/delete`).send({}), bad, 'body'],
  ['delete by number', () => it.http.post(`${ITEMS}/delete`).send({ ids: [1] }), bad, 'ids[0]'],
]);

table('paths and methods', [
  ['an unknown path', () => it.http.get('/v1/nothing'), 'route_not_found', 'path'],
  ['a trailing slash', () => it.http.get('/v1/collections/'), 'route_not_found', 'path'],
  ['bad percent-encoding', () => it.http.get(`${ITEMS}/%E0%A4%A`), bad, 'path'],
  ['bad percent-encoding of the collection', () => it.http.get('/v1/collections/%ff'), bad, 'path'],
  ['a path out of the tree', () => it.http.get('/v1/..%2f..%2fetc%2fpasswd'), 'route_not_found', 'path'],
  ['PATCH', () => it.http.patch(SHOP), 'method_not_allowed', 'method'],
  ['GET of query', () => it.http.get(QUERY), 'method_not_allowed', 'method'],
  ['DELETE of the list', () => it.http.delete('/v1/collections'), 'method_not_allowed', 'method'],
  ['a collection name with a space', () => it.http.put('/v1/collections/a%20b'), bad, 'collection'],
  ['a collection name of 65', () => it.http.put(`/v1/collections/${'a'.repeat(65)}`), bad, 'collection'],
  [
    'a model outside the models folder',
    () => it.http.put('/v1/collections/x').send({ model: '../secret' }),
    bad,
    'model',
  ],
  [
    'an unknown field of a collection',
    () => it.http.put('/v1/collections/x').send({ vectors: {} }),
    unknown,
    'vectors',
  ],
]);

test('a refused method names the allowed ones', async () => {
  expect((await it.http.patch(SHOP)).headers.allow).toBe('GET, PUT, DELETE, HEAD');
  expect((await it.http.get(QUERY)).headers.allow).toBe('POST');
});

test('a body that stops half-way ends its own request only', async () => {
  const server = it.app.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const half = rawRequest({
    port,
    path: QUERY,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 100 },
  });
  half.on('error', () => {});
  half.write('{"id":');
  await new Promise((resolve) => setTimeout(resolve, 50));
  half.destroy();
  await expect.poll(() => it.log.findLast((line) => line.url === QUERY)?.status).toBe(499);
  server.close();
});

test('after all of that the server still answers, nothing was written, and no error of ours was logged', async () => {
  const { status, body } = await upload(png());
  expect([status, body.result.points[0].id]).toEqual([200, 'p0-0']);
  expect((await it.http.get(SHOP)).body.result.count).toBe(12);
  expect(it.log.filter((line) => Number(line.level) >= 50)).toEqual([]);
});

function manyFields(count: number): Test {
  let request = upload(png());
  for (let i = 0; i < count; i++) request = request.field(`f${i}`, '1');
  return request;
}

const rawItems = (text: string) => it.http.put(ITEMS).set('content-type', 'application/json').send(text);
const form = (type: string, body: string) => it.http.post(QUERY).set('content-type', type).send(body);
const put = (item: string) => it.http.put(`${ITEMS}/a`).field('item', item).attach('image', png(), 'x');

function encoded(encoding: string, body: Buffer): Test {
  const request = it.http
    .post(QUERY)
    .set('content-type', 'application/json')
    .set('content-encoding', encoding);
  // superagent would turn a Buffer into JSON.
  request.write(body as unknown as string);
  return request;
}

test('an empty upload is named: the shop sees which file it was', async () => {
  const { body } = await upload(Buffer.alloc(0), 'chair.jpg');
  expect(body.error.message).toContain('0 bytes in the file "chair.jpg"');
});
