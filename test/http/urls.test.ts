// Images by URL through the API, from a real picture server on loopback that the test's resolver calls pictures.example.com.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createImageFetcher, type ImageFetcher } from '../../src/fetch/fetch-image.ts';
import { openShop, type TestShop } from './shop.ts';
import { ended } from './tasks.ts';

const SHOP = '/v1/collections/shop';
let it: TestShop;
let fetcher: ImageFetcher;
let pictures: Server;
let port: number;
let asked: string[] = [];

beforeAll(async () => {
  pictures = createServer((request, response) => {
    asked.push(request.url!);
    const [, kind, id] = request.url!.split('/');
    if (kind === 'text') response.end('hello');
    else if (kind === 'away') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    else if (kind === 'item') response.end(it.images.get(id!));
    else if (kind !== 'silent') response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve));
  port = (pictures.address() as AddressInfo).port;
  fetcher = createImageFetcher({
    allow: ['127.0.0.1'],
    ports: [port, 80],
    lookup: async (host) => [
      { address: host === 'inside.example.com' ? '10.0.0.1' : '127.0.0.1', family: 4 },
    ],
  });
  it = await openShop({ urls: { fetcher, callBytes: 20_000 } });
});
afterAll(async () => {
  await fetcher.close();
  await it.close();
  pictures.closeAllConnections();
  pictures.close();
});

const url = (path: string, host = 'pictures.example.com') => `http://${host}:${port}/${path}`;

describe('a query', () => {
  test.each(['query', 'query/groups'])('%s by URL is the same as by bytes', async (route) => {
    const send = (image: unknown) => it.http.post(`${SHOP}/${route}`).send({ image, limit: 5 });
    const [byUrl, byBytes] = await Promise.all([
      send({ url: url('item/p1-1') }),
      send({ base64: it.images.get('p1-1')!.toString('base64') }),
    ]);
    expect(byUrl.status).toBe(200);
    expect(byUrl.body.result).toEqual(byBytes.body.result);
  });

  test.each([
    ['nothing there', () => url('none'), 422, 'url_unreachable', 'image.url'],
    ['no image', () => url('text'), 415, 'image_unsupported', 'image'],
    ['a host inside', () => url('item/p1-1', 'inside.example.com'), 422, 'url_forbidden', 'image.url'],
    ['a redirect to metadata', () => url('away'), 422, 'url_forbidden', 'image.url'],
    ['another port', () => 'https://pictures.example.com/a.jpg', 422, 'url_forbidden', 'image.url'],
    ['no URL', () => 'pictures.example.com/a.jpg', 400, 'invalid_argument', 'image.url'],
    ['a file', () => 'file:///etc/passwd', 400, 'invalid_argument', 'image.url'],
  ])('%s', async (_, address, status, code, field) => {
    const answer = await it.http.post(`${SHOP}/query`).send({ image: { url: address() } });
    expect([answer.status, answer.body.error.code, answer.body.error.field]).toEqual([status, code, field]);
  });

  test('both forms at once are refused', async () => {
    const answer = await it.http
      .post(`${SHOP}/query`)
      .send({ image: { url: url('item/p1-1'), base64: 'AAAA' } });
    expect([answer.status, answer.body.error.field]).toEqual([400, 'image']);
  });
});

describe('items', () => {
  test('each by its own URL; what brings nothing fails alone, with its place in the call', async () => {
    const { status, body } = await it.http.put(`${SHOP}/items`).send({
      items: [
        { id: 'u0', image: { url: url('none') } },
        { id: 'u1', image: { url: url('item/p2-0') }, group: 'p2' },
        { id: 'u2', image: { url: url('text') } },
        { id: 'u3', vector: [1, 2] },
        { id: 'u4', image: it.images.get('p2-1')!.toString('base64') },
      ],
    });
    expect(status).toBe(200);
    expect(
      body.result.items.map(
        ({ id, status, error }: { id: string; status: string; error?: { code: string; field: string } }) => [
          id,
          status,
          error?.code,
          error?.field,
        ],
      ),
    ).toEqual([
      ['u0', 'failed', 'url_unreachable', 'items[0].image.url'],
      ['u1', 'created', undefined, undefined],
      ['u2', 'failed', 'image_unsupported', 'image'],
      ['u3', 'failed', 'vector_dimension', 'items[3].vector'],
      ['u4', 'created', undefined, undefined],
    ]);
    const kept = await it.http.get(`${SHOP}/items/u1/image`);
    expect(Buffer.compare(kept.body, it.images.get('p2-0')!)).toBe(0);
  });

  test('a body that is malformed fetches nothing', async () => {
    asked = [];
    const { status } = await it.http.put(`${SHOP}/items`).send({
      items: [
        { id: 'a', image: { url: url('item/p2-0') } },
        { id: 'b', image: '!!' },
      ],
    });
    expect([status, asked]).toEqual([400, []]);
  });

  test('all of a call together have a limit', async () => {
    const most = Math.ceil(20_000 / it.images.get('p2-0')!.length) + 1;
    const items = Array.from({ length: Math.min(most, 16) }, (_, i) => ({
      id: `m${i}`,
      image: { url: url('item/p2-0') },
    }));
    expect(most).toBeLessThanOrEqual(16);
    const { body } = await it.http.put(`${SHOP}/items`).send({ items });
    const codes = body.result.items.map(({ error }: { error?: { code: string } }) => error?.code);
    expect(codes).toContain('url_too_large');
    expect(codes).toContain(undefined);
  });
});

test('a batch of rows by URL waits on one signal, which is no leak that Node would have to warn of', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const rows = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({ id: `row${i}`, image: url('item/p2-0') }),
  );
  for (const wait of [true, false]) {
    const call = it.http.post(`${SHOP}/import?wait=${wait}`).type('application/x-ndjson');
    const { body } = await call.send(rows.join('\n')).expect(wait ? 200 : 202);
    if (!wait) expect((await ended(it, body.result.uid)).details).toMatchObject({ unchanged: 30 });
  }
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

test('a deadline that passes during a fetch is the answer, of a query, a write and an import', async () => {
  const image = url('silent');
  const calls = [
    it.http.post(`${SHOP}/query`).send({ image: { url: image } }),
    it.http.put(`${SHOP}/items`).send({ items: [{ id: 'late', image: { url: image } }] }),
    it.http
      .post(`${SHOP}/import`)
      .type('application/x-ndjson')
      .send(JSON.stringify({ id: 'late', image })),
  ];
  for (const call of calls) {
    const { status, body } = await call.set('x-timeout-ms', '200');
    expect([status, body.error.code]).toEqual([408, 'deadline_exceeded']);
  }
});
