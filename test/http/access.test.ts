// Who may do what: keys, scopes, collections, and what goes without a key. Against the real app and a real key file.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Response } from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WithoutKeys } from '../../server/http/access.ts';
import { scopeOf } from '../../server/http/admit.ts';
import { type KeyStore, type NewKey, openKeys } from '../../src/store/keys.ts';
import { openShop, type TestShop } from './shop.ts';

const created = '2026-11-28T12:00:00.000Z';
const ADMIN = 'an-admin-key-that-is-in-no-file-0123456789';
const SHOP = '/v1/collections/shop';
const ITEM = `${SHOP}/items/p0-0`;
const edge = { callsPerMinute: 0, trustProxy: 0, corsOrigins: [], publicImages: false };

let folder: string;
let keys: KeyStore;
let it: TestShop;
let seed = 0;
const make = (options: Pick<NewKey, 'scope' | 'collections' | 'rate'>) =>
  keys.create({ ...options, created, secret: new Uint8Array(32).fill(++seed) });
const key: Record<string, string> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-access-'));
  keys = openKeys({ directory: folder });
  it = await openShop({ access: { keys, withoutKeys: 'loopback' }, edge });
  await it.catalogue.createCollection({ name: 'other' });
});
afterAll(async () => {
  await it.close();
  keys.close();
  rmSync(folder, { recursive: true });
});

const as = (who: string | undefined, request: ReturnType<TestShop['http']['get']>) =>
  who === undefined ? request : request.set('api-key', key[who] ?? who);
const codeOf = ({ status, body }: Response) => [status, body.error?.code];

test('without any key this machine may do everything, but only under a name of its own', async () => {
  expect((await it.http.get(SHOP)).status).toBe(200);
  for (const host of ['localhost:3000', '127.0.0.1', '[::1]:80', 'LOCALHOST']) {
    expect((await it.http.get(SHOP).set('host', host)).status).toBe(200);
  }
  for (const host of [
    'evil.example.com',
    '127.0.0.1.evil.com',
    'localhost.evil.com',
    '192.168.1.2:3000',
    '0.0.0.0',
  ]) {
    expect(codeOf(await it.http.get(SHOP).set('host', host))).toEqual([403, 'forbidden']);
    expect((await it.http.get('/healthz').set('host', host)).status).toBe(200);
  }
});

describe('with keys', () => {
  beforeAll(() => {
    for (const scope of ['search', 'write', 'admin'] as const) {
      key[scope] = make({ scope }).key;
      key[`${scope} of other`] = make({ scope, collections: ['other'] }).key;
    }
  });

  const routes: [needs: string, what: string, send: () => ReturnType<TestShop['http']['get']>][] = [
    ['search', 'list', () => it.http.get('/v1/collections')],
    ['search', 'info', () => it.http.get(SHOP)],
    ['search', 'query', () => it.http.post(`${SHOP}/query`).send({ id: 'p0-0' })],
    ['search', 'groups', () => it.http.post(`${SHOP}/query/groups`).send({ id: 'p0-0' })],
    ['search', 'batch', () => it.http.post(`${SHOP}/query/batch`).send({ searches: [] })],
    ['search', 'recommend', () => it.http.post(`${SHOP}/recommend`).send({ positive: ['p0-0'] })],
    ['search', 'scroll', () => it.http.post(`${SHOP}/scroll`).send({})],
    ['search', 'count', () => it.http.post(`${SHOP}/count`).send({})],
    ['search', 'facet', () => it.http.post(`${SHOP}/facet`).send({ key: 'price' })],
    ['search', 'get', () => it.http.get(ITEM)],
    ['search', 'image', () => it.http.get(`${ITEM}/image`)],
    ['write', 'upsert', () => it.http.put(`${SHOP}/items`).send({ items: [] })],
    ['write', 'delete', () => it.http.post(`${SHOP}/items/delete`).send({ ids: ['none'] })],
    ['write', 'delete by filter', () => it.http.post(`${SHOP}/items/delete`).send({ filter: 'a = 1' })],
    ['write', 'patch', () => it.http.patch(ITEM).send({})],
    ['write', 'patch many', () => it.http.post(`${SHOP}/items/patch`).send({})],
    ['write', 'delete one', () => it.http.delete(`${SHOP}/items/none`)],
    ['write', 'upload', () => it.http.put(`${SHOP}/items/x`).send({})],
    ['admin', 'metrics', () => it.http.get('/metrics')],
    ['search', 'aliases', () => it.http.get(`${SHOP}/aliases`)],
    ['write', 'import', () => it.http.post(`${SHOP}/import`).type('text/csv').send('id\n')],
    ['write', 'duplicates', () => it.http.post(`${SHOP}/duplicates`).send({})],
    ['write', 'compact', () => it.http.post(`${SHOP}/compact`)],
    ['admin', 'change aliases', () => it.http.post('/v1/collections/aliases').send({})],
    ['admin', 'take a snapshot', () => it.http.post('/v1/snapshots?x=')],
    ['admin', 'list snapshots', () => it.http.get('/v1/snapshots')],
    ['admin', 'read a snapshot', () => it.http.get('/v1/snapshots/none')],
    ['admin', 'delete a snapshot', () => it.http.delete('/v1/snapshots/none')],
    ['admin', 'make', () => it.http.put('/v1/collections/-').send({})],
    ['admin', 'drop', () => it.http.delete('/v1/collections/none')],
  ];
  const order = ['search', 'write', 'admin'];

  test.each(routes)('%s: %s', async (needs, _, send) => {
    expect(codeOf(await send())).toEqual([401, 'unauthorized']);
    expect(codeOf(await as('ak_wrong', send()))).toEqual([401, 'unauthorized']);
    for (const scope of order) {
      const { status } = await as(scope, send());
      expect([scope, status === 403]).toEqual([scope, order.indexOf(scope) < order.indexOf(needs)]);
      expect(status).not.toBe(401);
    }
  });

  test.each(routes.slice(1))('a key of other collections: %s: %s', async (_, __, send) => {
    for (const scope of order) {
      expect(codeOf(await as(`${scope} of other`, send()))).toEqual([403, 'forbidden']);
    }
  });

  test('a key of some collections sees only their tasks and aliases', async () => {
    const insert = (collection: string | null) =>
      it.catalogue.tasks.insert({ type: 'compact', collection, total: 1, params: '{}', at: 0 }).uid;
    const [theirs, mine, nobodys] = ['shop', 'other', null].map(insert);
    it.catalogue.changeAliases({ actions: [{ create: { alias: 'live', collection: 'shop' } }] });
    const get = async (path: string) => (await as('write of other', it.http.get(path))).body;
    const { tasks, next } = (await get('/v1/tasks?limit=1')).result;
    expect([tasks.map((one: { uid: number }) => one.uid), next]).toEqual([[mine], null]);
    expect((await get('/v1/aliases')).result.aliases).toEqual([]);
    expect((await get(`/v1/tasks/${mine}`)).result.uid).toBe(mine);
    for (const uid of [theirs, nobodys]) {
      const paths = [`/v1/tasks/${uid}`, `/v1/tasks/${uid}/dead-letters`];
      for (const path of paths) expect((await get(path)).error.code).toBe('task_not_found');
      for (const what of ['cancel', 'retry']) {
        const { body } = await as('write of other', it.http.post(`/v1/tasks/${uid}/${what}`));
        expect(body.error.code).toBe('task_not_found');
      }
      expect((await as('search', it.http.get(`/v1/tasks/${uid}`))).status).toBe(200);
    }
    for (const uid of [theirs, mine, nobodys]) await it.tasks.runner.cancel(uid!);
  });

  test("an idempotency key is its caller's own", async () => {
    const send = (who: string, id: string) =>
      as(
        who,
        it.http
          .post(`${SHOP}/items/delete`)
          .set('Idempotency-Key', 'same')
          .send({ ids: [id] }),
      );
    expect((await send('write', 'none')).status).toBe(200);
    expect((await send('write', 'nobody')).status).toBe(409);
    expect((await send('admin', 'nobody')).status).toBe(200);
  });

  test('a key of some collections sees only these', async () => {
    const { body } = await as('search of other', it.http.get('/v1/collections'));
    expect(body.result.collections.map(({ name }: { name: string }) => name)).toEqual(['other']);
    expect((await as('search of other', it.http.get('/v1/collections/other'))).status).toBe(200);
    // Whether a collection that is not theirs exists is not told.
    const [there, not] = await Promise.all(
      ['shop', 'nothing'].map((name) => as('search of other', it.http.get(`/v1/collections/${name}`))),
    );
    expect([codeOf(there!), codeOf(not!)]).toEqual([codeOf(there!), codeOf(there!)]);
  });

  test.each([
    [{ authorization: 'Bearer KEY' }, 200],
    [{ authorization: 'bearer  KEY' }, 200],
    [{ 'api-key': 'KEY' }, 200],
    [{ authorization: 'KEY' }, 401],
    [{ authorization: 'Basic KEY' }, 401],
    [{ authorization: 'Bearer' }, 401],
    [{ authorization: 'Bearer KEY extra' }, 401],
    [{ 'api-key': '' }, 401],
    [{ 'api-key': 'KEY2' }, 401],
    [{ 'api-key': 'x', authorization: 'Bearer KEY' }, 401],
  ])('%j gives %i', async (headers: Record<string, string>, status) => {
    let request = it.http.get(SHOP);
    for (const [name, value] of Object.entries(headers))
      request = request.set(name, value.replace('KEY', key.search!));
    const response = await request;
    expect(response.status).toBe(status);
    expect(response.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
  });

  test.each([
    ['KEY', 'Authorization without Bearer'],
    ['Basic KEY', 'Authorization without Bearer'],
    ['Bearer', 'Authorization: Bearer without just a key'],
    [undefined, 'no key'],
  ])('Authorization: %s is told that it is %s', async (given, received) => {
    const request = it.http.get(SHOP);
    const { body } = await (given === undefined
      ? request
      : request.set('authorization', given.replace('KEY', key.search!)));
    expect(body.error).toMatchObject({ code: 'unauthorized', received });
    expect(body.error.message).toMatch(new RegExp(`or Authorization: Bearer, received ${received}$`));
  });

  test('neither answers nor the log have a key', async () => {
    const answer = await as(key.search!.slice(0, -1), it.http.get(SHOP));
    expect(JSON.stringify(answer.body) + JSON.stringify(answer.headers)).not.toContain(
      key.search!.slice(3, -1),
    );
    const log = JSON.stringify(it.log);
    for (const secret of Object.values(key)) expect(log).not.toContain(secret);
  });

  test('health, documents and the page need none; what does not exist is not there', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/docs/api', '/openapi.json', '/', '/app.js']) {
      expect([path, (await it.http.get(path)).status]).toEqual([path, 200]);
    }
    expect(codeOf(await it.http.get('/v1/nothing'))).toEqual([404, 'route_not_found']);
  });

  test('a refused call reads no body and changes nothing', async () => {
    const huge = 'x'.repeat(300 * 1024);
    expect(codeOf(await it.http.put(`${SHOP}/items`).send({ items: huge }))).toEqual([401, 'unauthorized']);
    expect((await as('admin', it.http.get(SHOP))).body.result.count).toBe(12);
  });

  test('a key that is revoked ends with the next call', async () => {
    const { id, key: made } = make({ scope: 'search' });
    expect((await as(made, it.http.get(SHOP))).status).toBe(200);
    keys.revoke(id);
    expect(codeOf(await as(made, it.http.get(SHOP)))).toEqual([401, 'unauthorized']);
  });
});

test('a route that does not say what it needs is for admins, unless it is about one collection', () => {
  const needs = (method: string, path: string) => scopeOf({ method, path });
  expect(needs('get', '/v1/snapshots/:name')).toBe('admin');
  expect(needs('get', '/v1/collectionsx/:collections')).toBe('admin');
  expect(needs('get', '/v1/collections/:collection')).toBe('search');
  expect(needs('get', '/v1/collections/:collection/items/:id')).toBe('search');
  expect(needs('post', '/v1/collections/:collection/items')).toBe('write');
  expect(scopeOf({ method: 'post', path: '/v1/embeddings', scope: 'search' })).toBe('search');
});

describe('other ways to serve', () => {
  const served = async (options: Parameters<typeof openShop>[0], work: (shop: TestShop) => Promise<void>) => {
    const shop = await openShop(options);
    try {
      await work(shop);
    } finally {
      await shop.close();
    }
  };

  test('an admin key of the environment is asked for where there is no other', () =>
    served({ access: { adminKey: ADMIN, withoutKeys: 'never' } }, async ({ http }) => {
      expect(codeOf(await http.get(SHOP))).toEqual([401, 'unauthorized']);
      expect((await http.get(SHOP).set('host', 'shop.example.com').set('api-key', ADMIN)).status).toBe(200);
      expect(codeOf(await http.get(SHOP).set('api-key', `${ADMIN}x`))).toEqual([401, 'unauthorized']);
    }));

  test.each([
    ['always', 200],
    ['never', 401],
  ] as [WithoutKeys, number][])('without keys, %s: %i under any name', (withoutKeys, status) =>
    served({ access: { withoutKeys } }, async ({ http }) => {
      expect((await http.get(SHOP).set('host', 'shop.example.com')).status).toBe(status);
    }),
  );

  test('pictures may be public, and nothing else is', () =>
    served(
      { access: { adminKey: ADMIN, withoutKeys: 'never' }, edge: { ...edge, publicImages: true } },
      async ({ http }) => {
        expect((await http.get(`${ITEM}/image`)).status).toBe(200);
        expect((await http.get(ITEM)).status).toBe(401);
      },
    ));

  test('calls are limited by address, or by key with its own limit', () =>
    served(
      { access: { keys, withoutKeys: 'never' }, edge: { ...edge, callsPerMinute: 3 } },
      async ({ http }) => {
        const some = make({ scope: 'search', rate: 5 }).key;
        const other = make({ scope: 'search' }).key;
        let calls = 0;
        const call = async (who: string) => {
          const response = await http
            .get(SHOP)
            .set('api-key', who)
            .set('x-forwarded-for', `10.0.0.${++calls}`);
          return response.status;
        };
        const six = async (who: string) => {
          const all: number[] = [];
          for (let i = 0; i < 6; i++) all.push(await call(who));
          return all;
        };
        expect(await six(some)).toEqual([200, 200, 200, 200, 200, 429]);
        expect(await six(other)).toEqual([200, 200, 200, 429, 429, 429]);
        expect(await six('ak_wrong')).toEqual([401, 401, 401, 429, 429, 429]);
        const { status, headers, body } = await http.get(SHOP).set('api-key', some);
        expect([status, body.error.code, body.status]).toEqual([429, 'rate_limited', 'error']);
        expect(Number(headers['retry-after'])).toBeGreaterThan(1);
        expect(headers.ratelimit).toMatch(/^"calls"; r=0; t=\d+$/);
        expect(headers['ratelimit-policy']).toMatch(/^"calls"; q=5; w=60;/);
        expect((await http.get('/healthz')).status).toBe(200);
      },
    ));

  test('pages of the origins that are named may call, others may not', () =>
    served({ edge: { ...edge, corsOrigins: ['https://shop.example.com'] } }, async ({ http }) => {
      const preflight = (origin: string) =>
        http.options(`${SHOP}/query`).set('origin', origin).set('access-control-request-method', 'POST');
      const good = await preflight('https://shop.example.com');
      expect([good.status, good.headers['access-control-allow-origin']]).toEqual([
        204,
        'https://shop.example.com',
      ]);
      const allowed = good.headers['access-control-allow-headers']!.split(',');
      for (const name of ['api-key', 'authorization', 'idempotency-key', 'x-request-id', 'x-timeout-ms']) {
        expect(allowed).toContain(name);
      }
      expect(allowed).toEqual(expect.arrayContaining(['content-type', 'traceparent', 'tracestate']));
      expect(
        (await preflight('https://evil.example.com')).headers['access-control-allow-origin'],
      ).toBeUndefined();
      const real = await http
        .post(`${SHOP}/query`)
        .set('origin', 'https://shop.example.com')
        .send({ id: 'p0-0' });
      expect([real.status, real.headers['access-control-allow-origin']]).toEqual([
        200,
        'https://shop.example.com',
      ]);
      expect(real.headers['access-control-expose-headers']).toContain('x-request-id');
    }));

  test('no origin by default', async () => {
    const { headers } = await it.http.get('/healthz').set('origin', 'https://shop.example.com');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });
});
