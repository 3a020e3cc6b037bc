// The OpenAPI document: valid, whole, and true: every route is described, and what the app really answers is what the
// document says.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readDemo } from '../../server/demo.ts';
import { DIMENSION, openShop, type TestShop } from './shop.ts';

interface Operation {
  summary?: string;
  operationId: string;
  tags: string[];
  parameters?: { name: string; in: string; schema?: object; content?: object }[];
  requestBody?: { required: boolean; content: Record<string, { schema: { properties?: object } }> };
  responses: Record<string, { content: Record<string, { schema: Schema }> }>;
}
type Schema = { properties?: Record<string, object> };
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

let shop: TestShop;
let document: Document;
/** `GET /v1/collections` and its like. */
let operations: Map<string, Operation>;

beforeAll(async () => {
  shop = await openShop({ demo: await readDemo({ folder: 'examples/furniture' }) });
  const validator = new Validator();
  const { body } = await shop.http.get('/openapi.json').expect(200);
  expect(await validator.validate(structuredClone(body))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  document = validator.resolveRefs({ specification: body }) as unknown as Document;
  operations = new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
      ),
    ),
  );
});
afterAll(() => shop.close());

describe('the document', () => {
  test('describes every route, each under a name of its own', () => {
    expect(operations.size).toBeGreaterThan(15);
    const silent = [...operations].filter(([, { summary, responses }]) => {
      const [[type, { schema }]] = Object.entries((responses['200'] ?? responses['202'])!.content) as [
        [string, { schema: Schema }],
      ];
      const answers =
        type !== 'application/json' || JSON.stringify(schema.properties?.result ?? schema) !== '{}';
      return summary === undefined || !answers;
    });
    expect(silent.map(([name]) => name)).toEqual([]);
    const ids = [...operations.values()].map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('describes every body: a route that reads one names its fields', () => {
    for (const [name, { requestBody }] of operations) {
      if (/^PUT|^PATCH/.test(name) || (name.startsWith('POST') && requestBody)) {
        for (const { schema } of Object.values(requestBody!.content)) {
          expect(Object.keys(schema.properties ?? {}).length, name).toBeGreaterThan(0);
        }
      }
    }
  });

  test('says what a query takes: vectors, filters, files; objects in a URL are JSON text', () => {
    const { requestBody, parameters } = operations.get('POST /v1/collections/{collection}/query')!;
    const body = requestBody!.content['application/json']!.schema.properties;
    expect(body).toMatchObject({
      vector: { type: 'array', items: { type: 'number' } },
      filter: { type: ['object', 'string'] },
      limit: { type: 'integer', minimum: 1, maximum: 1000 },
    });
    expect(requestBody!.content['multipart/form-data']!.schema.properties).toMatchObject({
      image: { type: 'string', format: 'binary' },
    });
    const inUrl = new Map(parameters!.map((one) => [one.name, one]));
    expect(inUrl.get('limit')).toMatchObject({ in: 'query', schema: { type: 'integer' } });
    expect(inUrl.get('params')).toMatchObject({
      content: { 'application/json': { schema: { type: 'object' } } },
    });
    expect(inUrl.get('collection')).toMatchObject({ in: 'path', required: true });
  });

  test('says which key a route needs, and which routes need none', () => {
    const health = operations.get('GET /healthz')!;
    const made = operations.get('PUT /v1/collections/{collection}')!;
    expect(health).toMatchObject({ security: [] });
    expect(made).toMatchObject({ description: 'Where there are keys: one with admin.' });
    expect(made).not.toHaveProperty('security');
    expect(document).toMatchObject({
      security: [{}, { apiKey: [] }, { bearer: [] }],
      components: {
        securitySchemes: { apiKey: { in: 'header', name: 'api-key' }, bearer: { scheme: 'bearer' } },
      },
    });
  });

  test('has patterns that its readers can compile', () => {
    const patterns = [...JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    expect(patterns.length).toBeGreaterThan(3);
    for (const [, text] of patterns) {
      const pattern = new RegExp(JSON.parse(text!), 'u');
      expect(pattern.test('mine') || pattern.test('2026-11-28')).toBe(true);
    }
  });
});

/** At least one call of each route, in an order in which all can be answered. */
const PHOTO = 'image';
type Send = (http: TestShop['http'], photo: Buffer) => ReturnType<TestShop['http']['get']>;
/** A task that nobody runs: nobody looks for one while none is asked for by HTTP (`idle`). */
function waiting(status: 'enqueued' | 'canceled'): number {
  const { tasks } = shop.catalogue;
  const row = tasks.insert({ type: 'compact', collection: 'shop', total: 1, params: '{}', at: 0 });
  tasks.update({ ...row, status });
  return row.uid;
}
/** The runner has done all that the calls before have asked for. */
const idle = () =>
  expect
    .poll(async () => (await shop.http.get('/v1/tasks?statuses=enqueued,processing')).body.result.tasks)
    .toEqual([]);
const COLLECTION = '/v1/collections/shop';
const vector = Array.from({ length: DIMENSION }, (_, i) => (i === 0 ? 1 : 0.5));
const explain = { params: { explain: true }, with_vector: true };
const CALLS: [operation: string, send: Send][] = [
  ['GET /healthz', (http) => http.get('/healthz')],
  ['GET /livez', (http) => http.get('/livez')],
  ['GET /readyz', (http) => http.get('/readyz')],
  ['GET /v1/collections', (http) => http.get('/v1/collections')],
  ['PUT /v1/collections/{collection}', (http) => http.put('/v1/collections/other')],
  ['GET /v1/collections/{collection}', (http) => http.get(COLLECTION)],
  ['DELETE /v1/collections/{collection}', (http) => http.delete('/v1/collections/other')],
  [
    'POST /v1/collections/aliases',
    (http) =>
      http
        .post('/v1/collections/aliases')
        .send({ actions: [{ create_alias: { alias_name: 'live', collection_name: 'shop' } }] }),
  ],
  ['GET /v1/aliases', (http) => http.get('/v1/aliases')],
  ['GET /v1/collections/{collection}/aliases', (http) => http.get(`${COLLECTION}/aliases`)],
  [
    'PUT /v1/collections/{collection}/items',
    (http, photo) =>
      http.put(`${COLLECTION}/items`).send({
        items: [
          { id: 'new', image: photo.toString('base64') },
          { id: 'flat', vector, tags: ['a'], attributes: { price: 1, sale: true } },
          { id: 'bad', vector: [1] },
        ],
      }),
  ],
  [
    'PUT /v1/collections/{collection}/items/{id}',
    (http, photo) => http.put(`${COLLECTION}/items/mine`).attach(PHOTO, photo, 'a.jpg'),
  ],
  [
    'GET /v1/collections/{collection}/items/{id}',
    (http) => http.get(`${COLLECTION}/items/mine?with_vector=true`),
  ],
  ['GET /v1/collections/{collection}/items/{id}', (http) => http.get(`${COLLECTION}/items/flat`)],
  ['GET /v1/collections/{collection}/items/{id}/image', (http) => http.get(`${COLLECTION}/items/mine/image`)],
  ['DELETE /v1/collections/{collection}/items/{id}', (http) => http.delete(`${COLLECTION}/items/mine`)],
  [
    'POST /v1/collections/{collection}/items/delete',
    (http) => http.post(`${COLLECTION}/items/delete`).send({ ids: ['new', 'x'] }),
  ],
  [
    'POST /v1/collections/{collection}/query',
    (http) => http.post(`${COLLECTION}/query`).send({ id: 'p0-0', filter: 'price > 1', ...explain }),
  ],
  [
    'POST /v1/collections/{collection}/query',
    (http, photo) => http.post(`${COLLECTION}/query?limit=2`).attach(PHOTO, photo, 'a.jpg'),
  ],
  [
    'POST /v1/collections/{collection}/query/groups',
    (http) => http.post(`${COLLECTION}/query/groups`).send({ vector, group_size: 2, ...explain }),
  ],
  [
    'POST /v1/collections/{collection}/import',
    (http) => http.post(`${COLLECTION}/import`).type('application/x-ndjson').send('{"id": "a"}'),
  ],
  [
    'POST /v1/collections/{collection}/import',
    (http) => http.post(`${COLLECTION}/import?wait=false`).type('application/x-ndjson').send('{"id": "a"}'),
  ],
  [
    'PUT /v1/collections/{collection}/items',
    (http) => http.put(`${COLLECTION}/items?wait=false`).send({ items: [{ id: 'later', vector }] }),
  ],
  [
    'POST /v1/collections/{collection}/duplicates',
    (http) => http.post(`${COLLECTION}/duplicates`).send({ threshold: 0.9 }),
  ],
  ['POST /v1/collections/{collection}/compact', (http) => http.post(`${COLLECTION}/compact`)],
  ['GET /v1/tasks', (http) => http.get('/v1/tasks?limit=2')],
  ['GET /v1/tasks/{uid}', (http) => http.get('/v1/tasks/1')],
  ['GET /v1/tasks/{uid}/dead-letters', (http) => http.get('/v1/tasks/1/dead-letters')],
  ['POST /v1/tasks/{uid}/cancel', (http) => http.post(`/v1/tasks/${waiting('enqueued')}/cancel`)],
  ['POST /v1/tasks/{uid}/retry', (http) => http.post(`/v1/tasks/${waiting('canceled')}/retry`)],
  ['POST /v1/snapshots', (http) => http.post('/v1/snapshots')],
  [
    'GET /v1/snapshots',
    (http) => {
      writeFileSync(join(shop.data, 'snapshots/a.snapshot'), 'no real one');
      return http.get('/v1/snapshots');
    },
  ],
  ['GET /v1/snapshots/{name}', (http) => http.get('/v1/snapshots/a.snapshot')],
  ['DELETE /v1/snapshots/{name}', (http) => http.delete('/v1/snapshots/a.snapshot')],
  ['GET /v1/models', (http) => http.get('/v1/models')],
  ['GET /v1/models/{name}', (http) => http.get('/v1/models/tiny')],
  [
    'POST /v1/embeddings',
    (http, photo) => http.post('/v1/embeddings').send({ model: 'tiny', input: photo.toString('base64') }),
  ],
  [
    'POST /v1/collections/{collection}/query',
    (http, photo) =>
      http
        .post(`${COLLECTION}/query?why=p1-0`)
        .field('crops', '[{"x": 0, "y": 0, "width": 0.5, "height": 1, "unit": "fraction"}]')
        .field('filter', 'price > 100')
        .attach(PHOTO, photo, 'a.jpg'),
  ],
  [
    'POST /v1/collections/{collection}/query/batch',
    (http) =>
      http.post(`${COLLECTION}/query/batch`).send({ searches: [{ vector, why: 'p0-0', ...explain }] }),
  ],
  [
    'POST /v1/collections/{collection}/recommend',
    (http) => http.post(`${COLLECTION}/recommend`).send({ positive: ['p0-0'], why: 'p0-0' }),
  ],
  [
    'POST /v1/collections/{collection}/scroll',
    (http) => http.post(`${COLLECTION}/scroll`).send({ limit: 3, with_vector: true }),
  ],
  ['POST /v1/collections/{collection}/count', (http) => http.post(`${COLLECTION}/count`)],
  [
    'POST /v1/collections/{collection}/facet',
    (http) => http.post(`${COLLECTION}/facet`).send({ key: 'price' }),
  ],
  [
    'PATCH /v1/collections/{collection}/items/{id}',
    (http) => http.patch(`${COLLECTION}/items/p0-0`).send({ attributes: { price: 2, old: null } }),
  ],
  [
    'POST /v1/collections/{collection}/items/patch',
    (http) => http.post(`${COLLECTION}/items/patch`).send({ filter: 'price > 1', tags: null }),
  ],
  ['GET /samples', (http) => http.get('/samples')],
  ['GET /samples/attribution', (http) => http.get('/samples/attribution')],
  ['GET /samples/{file}', (http) => http.get('/samples/f0046-8.jpg')],
  ['GET /docs', (http) => http.get('/docs')],
  ...['/docs/api', '/docs/errors', '/docs/client', '/docs/operations']
    .flatMap((path) => [path, `${path}.md`])
    .map((path): (typeof CALLS)[number] => [`GET ${path}`, (http) => http.get(path)]),
  ['GET /metrics', (http) => http.get('/metrics')],
  ['GET /openapi.json', (http) => http.get('/openapi.json')],
];

describe('what the app answers is what the document says', () => {
  test.each(CALLS)('%s', async (name, send) => {
    const { responses } = operations.get(name)!;
    if (name.startsWith('POST /v1/tasks/')) await idle();
    const answer = await send(shop.http, shop.images.get('p0-0')!);
    expect(['200', '202'], answer.text).toContain(String(answer.status));
    const { content } = responses[answer.status]!;
    const type = answer.type;
    const documented = Object.entries(content).find(
      ([one]) => one === type || one === type.replace(/\/.*/, '/*'),
    );
    expect(documented, `${type} among ${Object.keys(content)}`).toBeDefined();
    if (type === 'application/json')
      z.fromJSONSchema(documented![1].schema as z.core.JSONSchema.Schema).parse(answer.body);
  });

  test.each([
    ['GET /v1/collections/{collection}', (http: TestShop['http']) => http.get('/v1/collections/nobody'), 404],
    [
      'POST /v1/collections/{collection}/query',
      (http: TestShop['http']) => http.post(`${COLLECTION}/query`).send({ ids: 1 }),
      400,
    ],
  ])('an error of %s', async (name, send, status) => {
    const { body } = await send(shop.http).expect(status);
    const { schema } = operations.get(name)!.responses.default!.content['application/json']!;
    z.fromJSONSchema(schema as z.core.JSONSchema.Schema).parse(body);
    expect(() =>
      z.fromJSONSchema(schema as z.core.JSONSchema.Schema).parse({ ...body, error: {} }),
    ).toThrow();
  });

  test('503 of /readyz has its state beside the error', async () => {
    shop.readiness.state = { ready: false, demo: { done: 1, total: 2 } };
    const { body } = await shop.http.get('/readyz').expect(503);
    const { schema } = operations.get('GET /readyz')!.responses.default!.content['application/json']!;
    expect(z.fromJSONSchema(schema as z.core.JSONSchema.Schema).parse(body)).toMatchObject({
      result: { ready: false },
    });
    shop.readiness.state = { ready: true };
  });

  test('every route is called here', () => {
    expect(shop.checked(), 'answers that the tests’ own app held to the document').toBeGreaterThan(20);
    const called = new Set(CALLS.map(([name]) => name));
    expect([...operations.keys()].filter((name) => !called.has(name))).toEqual([]);
  });
});
