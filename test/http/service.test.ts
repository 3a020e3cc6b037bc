// Everything around the collections: health, documents, the page, the demo's samples, headers, hidden failures.

import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDemo } from '../../server/demo.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { openShop, type TestShop } from './shop.ts';

const DEMO = fileURLToPath(new URL('../../examples/furniture', import.meta.url));

let it: TestShop;
beforeAll(async () => {
  it = await openShop({ demo: await readDemo({ folder: DEMO }) });
});
afterAll(() => it.close());

test('alive at once, ready when the demo is there', async () => {
  for (const path of ['/healthz', '/livez']) {
    expect((await it.http.get(path)).body).toMatchObject({ result: { alive: true }, status: 'ok' });
  }
  it.readiness.state = { ready: false, demo: { done: 3, total: 10 } };
  const starting = await it.http.get('/readyz');
  expect(starting.status).toBe(503);
  expect(starting.headers['retry-after']).toBe('1');
  expect(starting.body).toMatchObject({
    result: { ready: false, demo: { done: 3, total: 10 } },
    error: { code: 'not_ready' },
    status: 'error',
  });
  it.readiness.state = { ready: true };
  const { status, body } = await it.http.get('/readyz');
  expect([status, body.result]).toEqual([200, { ready: true }]);
});

test('a proxy may name the whole URL', async () => {
  const server = createServer(it.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sent = request({
    port,
    host: '127.0.0.1',
    path: 'http://shop.example/healthz?x',
    agent: false,
  }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { error } = JSON.parse(await text(answer));
  // The route's own words, not those of a path that is not there.
  expect([answer.statusCode, error.field]).toEqual([400, 'x']);
  server.close();
});

test('conditions and ranges on the files of the page are no errors of ours', async () => {
  expect((await it.http.get('/app.js').set('range', 'bytes=9-1')).status).toBe(200);
  expect((await it.http.get('/app.js').set('if-match', '"x"')).body.error).toMatchObject({
    code: 'invalid_argument',
    field: 'headers',
  });
  expect(it.log.filter((line) => Number(line.level) >= 50)).toEqual([]);
});

test('a sane request id is kept, another one is replaced; errors carry it', async () => {
  const kept = await it.http.get('/v1/collections/none').set('x-request-id', 'shop-17:a.b_c');
  expect(kept.headers['x-request-id']).toBe('shop-17:a.b_c');
  expect(kept.body.error.request_id).toBe('shop-17:a.b_c');
  for (const id of ['a b', 'x'.repeat(200), '<script>']) {
    const { headers } = await it.http.get('/healthz').set('x-request-id', id);
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('the page and its files are served under a policy that allows no inline script or style', async () => {
  const page = await it.http.get('/').accept('html');
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toContain('text/html');
  const policy = page.headers['content-security-policy']!;
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("style-src 'self'");
  expect(policy).not.toContain('unsafe');
  const files = [...page.text.matchAll(/(?:src|href)="([\w.]+)"/g)].map((match) => match[1]!);
  expect(files).toEqual(expect.arrayContaining(['app.js', 'style.css', 'icon.svg']));
  for (const file of files) expect((await it.http.get(`/${file}`)).status).toBe(200);
});

test('the documents behind the links of errors are served', async () => {
  const { body } = await it.http.get('/nowhere');
  const [path, code] = body.error.link.split('#');
  const page = await it.http.get(path);
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.text).toContain(`id="${code}"`);
  expect((await it.http.get('/docs/api')).text).toContain('/query/groups');
});

test('samples are listed, shown, attributed; nothing else of the disk is reachable', async () => {
  const { samples, collection } = (await it.http.get('/samples')).body.result;
  expect(collection).toBe('shop');
  expect(samples.length).toBeGreaterThan(5);
  expect(samples[0]).toMatchObject({
    group: expect.any(String),
    name: expect.any(String),
    licence: expect.stringMatching(/^CC/),
  });
  const image = await it.http.get(samples[0].image);
  expect([image.status, image.headers['content-type']]).toEqual([200, 'image/jpeg']);
  expect((await it.http.get('/samples/attribution')).text).toContain('creativecommons.org');
  for (const path of ['/samples/..%2Fcatalogue.csv', '/samples/%2Fetc%2Fpasswd', '/..%2f..%2fpackage.json']) {
    const { status, body } = await it.http.get(path);
    expect([path, status, body.error.code]).toEqual([path, 404, 'route_not_found']);
  }
});

test('without the demo there are no samples', async () => {
  const plain = await openShop();
  const { status, body } = await plain.http.get('/samples');
  expect([status, body.error.code]).toEqual([404, 'route_not_found']);
  await plain.close();
});

test('a failure of ours says nothing but "Internal error."; the log has the cause under the request id', async () => {
  const original = it.catalogue.list;
  it.catalogue.list = () => {
    throw new AttractorError('store_corrupt', 'page 17 of /secret/path is torn', { field: 'secret' });
  };
  const { status, body } = await it.http.get('/v1/collections').set('x-request-id', 'find-me');
  it.catalogue.list = original;
  expect(status).toBe(500);
  expect(body).toEqual({
    error: {
      code: 'internal',
      message: 'Internal error.',
      link: '/docs/errors#internal',
      request_id: 'find-me',
    },
    status: 'error',
    time: expect.any(Number),
  });
  const line = it.log.find((one) => one.request_id === 'find-me' && Number(one.level) >= 50);
  expect(line).toMatchObject({ code: 'store_corrupt', msg: 'page 17 of /secret/path is torn' });
  expect((await it.http.get('/v1/collections')).status).toBe(200);
});

test('overload answers 429 with Retry-After', async () => {
  const original = it.catalogue.list;
  it.catalogue.list = () => {
    throw new AttractorError('overloaded', 'The queue is full.');
  };
  const { status, headers } = await it.http.get('/v1/collections');
  it.catalogue.list = original;
  expect([status, headers['retry-after']]).toEqual([429, '1']);
});
