// The client against the real app on a socket: every call, errors as values, retries, abort and timeout.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AttractorApiError, AttractorClient, type CollectionClient } from '../../client/client.ts';
import { createImageFetcher, type ImageFetcher } from '../../src/fetch/fetch-image.ts';
import { DIMENSION, openShop, type TestShop } from '../http/shop.ts';

let shop: TestShop;
let server: Server;
let client: AttractorClient;
let collection: CollectionClient;
let photo: Buffer;
let fetcher: ImageFetcher;
let withoutKey: AttractorClient;
const KEY = 'a-key-of-at-least-thirty-two-characters';
const sent: { method: string; type: string | null }[] = [];

const listening = (server: Server) =>
  new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });

beforeAll(async () => {
  fetcher = createImageFetcher({
    allow: ['127.0.0.1'],
    ports: null,
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  shop = await openShop({
    urls: { fetcher, callBytes: 1e6 },
    access: { adminKey: KEY, withoutKeys: 'never' },
  });
  server = createServer(shop.app);
  const url = await listening(server);
  const counting: typeof fetch = (input, init) => {
    sent.push({ method: init!.method!, type: new Headers(init!.headers).get('content-type') });
    return fetch(input, init);
  };
  client = new AttractorClient({ url, apiKey: KEY, fetch: counting });
  withoutKey = new AttractorClient({ url });
  collection = client.collection('shop');
  photo = shop.images.get('p1-0')!;
});
beforeEach(() => {
  sent.length = 0;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await fetcher.close();
  await shop.close();
});

describe('collections and items', () => {
  test('are made, listed, read and deleted', async () => {
    const made = await client.createCollection({ name: 'other', model: 'tiny' });
    expect(made).toMatchObject({ name: 'other', dimension: DIMENSION, count: 0 });
    expect((await client.collections()).map(({ name }) => name)).toEqual(['other', 'shop']);
    expect((await collection.info()).recall.proposed_ef).toBeNull();
    await client.deleteCollection('other');
    await expect(client.collection('other').info()).rejects.toMatchObject({ code: 'collection_not_found' });
  });

  test('are counted, paged through, changed and deleted by filter', async () => {
    const items = [0, 1, 2, 3].map((n) => ({
      id: `f${n}`,
      vector: Array(DIMENSION).fill(1),
      attributes: { n, own: true },
    }));
    await collection.upsert(items);
    const own = { must: [{ key: 'own', match: { value: true } }] };
    expect(await collection.count(own)).toBe(4);
    expect(await collection.count()).toBe(shop.images.size + 4);
    const page = await collection.scroll({ filter: own, limit: 3 });
    expect(page.points.map(({ id }) => id)).toEqual(['f0', 'f1', 'f2']);
    expect(page.next_page_offset).toBe('f3');
    const change = { filter: 'own = true AND n > 1', attributes: { n: null }, tags: ['odd one'] };
    expect(await collection.patch(change)).toEqual({ matched: 2, updated: 2 });
    expect(await collection.facet({ key: 'tags', filter: own })).toEqual([{ value: 'odd one', count: 2 }]);
    expect(await collection.deleteWhere('own = true')).toEqual({ deleted: 4 });
    expect(await collection.scroll({ filter: own })).toEqual({ points: [], next_page_offset: null });
  });

  test('an item goes in by bytes, by Blob, by vector and by upload, and comes out as it went in', async () => {
    const vector = new Float32Array(DIMENSION).fill(0.5);
    const facts = { group: 'g', tags: ['a'], attributes: { price: 2, sale: true } };
    const results = await collection.upsert([
      { id: 'bytes', image: photo, ...facts },
      { id: 'blob', image: new Blob([new Uint8Array(photo)]) },
      { id: 'text', image: photo.toString('base64') },
      { id: 'vector', vector },
      { id: 'bad', vector: [1, 2] },
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'created',
      'created',
      'created',
      'created',
      'failed',
    ]);
    expect(results[4]!.error).toMatchObject({ code: 'vector_dimension', field: 'items[4].vector' });
    expect(await collection.put({ id: 'sent/ä', image: photo, ...facts })).toMatchObject({
      status: 'created',
    });
    expect(await collection.get('sent/ä')).toMatchObject({ id: 'sent/ä', ...facts });
    for (const id of ['bytes', 'blob', 'text', 'sent/ä']) {
      const stored = await (await collection.image(id)).arrayBuffer();
      expect(Buffer.from(stored).equals(photo), id).toBe(true);
    }
    const { vector: read } = await collection.get('vector', { withVector: true });
    expect(read![0]).toBeCloseTo(1 / Math.sqrt(DIMENSION), 6);
    expect(await collection.delete('vector')).toEqual({ deleted: 1 });
    expect(await collection.delete(['bytes', 'blob', 'text', 'sent/ä', 'nobody'])).toEqual({ deleted: 4 });
  });
});

describe('queries', () => {
  test('by bytes are uploads, by all else JSON; each finds what it should', async () => {
    const first = async (query: Parameters<CollectionClient['query']>[0]) =>
      (await collection.query({ limit: 1, ...query })).points[0]!.id;
    expect(await first({ image: photo })).toBe('p1-0');
    expect(await first({ image: new Blob([new Uint8Array(photo)]) })).toBe('p1-0');
    expect(await first({ image: photo.toString('base64') })).toBe('p1-0');
    expect(await first({ image: { base64: photo.toString('base64') } })).toBe('p1-0');
    // Pictures are served by a server of their own: this one asks for a key.
    const pictures = createServer((_, response) => response.end(photo));
    const url = (await listening(pictures)).replace('127.0.0.1', 'pictures.example.com');
    expect(await first({ image: { url } })).toBe('p1-0');
    pictures.closeAllConnections();
    pictures.close();
    const { vector } = await collection.get('p1-0', { withVector: true });
    expect(await first({ vector })).toBe('p1-0');
    expect(await first({ vector: Float32Array.from(vector!) })).toBe('p1-0');
    expect(await first({ query: vector })).toBe('p1-0');
    expect(await first({ id: 'p1-0' })).not.toBe('p1-0');
    expect(
      await first({ recommend: { positive: [vector!], negative: ['p3-0'], strategy: 'best_score' } }),
    ).toBe('p1-0');
    expect(sent.filter(({ type }) => type === null).length).toBe(3);
  });

  test('options of an upload arrive as they do in JSON', async () => {
    const options = {
      filter: { must: [{ key: 'name', match: { any: ['Product p1-0', 'Product p2-0'] } }] },
      with_payload: false,
      with_vector: true,
      limit: 5,
      params: { exact: true, explain: true },
    };
    const uploaded = await collection.query({ image: photo, ...options });
    const asText = await collection.query({ image: photo.toString('base64'), ...options });
    expect(uploaded.points).toEqual(asText.points);
    expect(uploaded.points.map(({ id }) => id)).toEqual(['p1-0', 'p2-0']);
    expect(uploaded.points[0]).toMatchObject({ vector: expect.any(Array) });
    expect(uploaded.points[0]!.payload).toBeUndefined();
    expect(uploaded.explanation).toMatchObject({ plan: 'scan', matches: 2 });
    expect(uploaded.timing.embed_ms).toBeGreaterThanOrEqual(0);
  });

  test('in a batch, with the reason why an item is not there', async () => {
    const why = await collection.query({ id: 'p0-0', limit: 1, filter: 'group = "p1"', why: 'p2-0' });
    expect(why.why).toMatchObject({ id: 'p2-0', removed_by: 'filter' });
    const batch = await collection.queryBatch([
      { id: 'p0-0', limit: 1, filter: 'group = "p1"' },
      {
        image: photo.toString('base64'),
        limit: 1,
        crop: { x: 0, y: 0, width: 1, height: 1, unit: 'fraction' },
      },
    ]);
    expect(batch[0]!.points).toEqual(why.points);
    expect(batch[1]!.points[0]!.score).toBeCloseTo(1, 3);
  });

  test('as groups', async () => {
    const { groups } = await collection.queryGroups({
      image: photo,
      filter: 'price > 1',
      group_size: 2,
      limit: 2,
    });
    expect(groups.map(({ hits }) => hits.length)).toEqual([2, 2]);
    expect(groups[0]).toMatchObject({ id: 'p1', hits: [{ id: 'p1-0' }, {}] });
  });
});

describe('imports and tasks', () => {
  const rows = Array.from({ length: 3000 }, (_, n) => ({
    id: `r${n}`,
    vector: Array.from(
      { length: n === 7 ? 2 : DIMENSION },
      (_, i) => Math.round(100 * Math.sin(n + i)) / 100,
    ),
    tags: ['row'],
  }));
  async function* slowly() {
    for (const row of rows.slice(0, 5)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield row;
    }
  }
  const all = async <T>(lines: AsyncIterable<T>) => {
    const got: T[] = [];
    for await (const line of lines) got.push(line);
    return got;
  };

  test('rows are streamed and answered line by line, whatever they come from', async () => {
    const lines = await all(collection.importRows(rows));
    expect(lines.length).toBe(3001);
    expect(lines[7]).toMatchObject({
      line: 8,
      id: 'r7',
      status: 'failed',
      error: { code: 'vector_dimension' },
    });
    expect(lines.at(-1)).toEqual({ counts: { created: 2999, updated: 0, unchanged: 0, failed: 1 } });
    const again = (await all(collection.importRows(slowly()))).at(-1);
    expect(again).toEqual({ counts: { created: 0, updated: 0, unchanged: 5, failed: 0 } });
    const csv = new Blob([`id,image,tags\nc1,${photo.toString('base64')},row\n`]);
    expect(await all(collection.importRows(csv, { format: 'csv' }))).toMatchObject([
      { line: 2, id: 'c1', status: 'created' },
      { counts: { created: 1 } },
    ]);
    expect(await collection.deleteWhere('tags = "row"')).toEqual({ deleted: 3000 });
  });

  test('an import whose rows break off, or that ends before they do, throws', async () => {
    async function* broken() {
      yield rows[0]!;
      throw new Error('the file ended');
    }
    await expect(all(collection.importRows(broken()))).rejects.toThrow();
    await expect(client.collection('nowhere').importRows(rows).next()).rejects.toMatchObject({
      code: 'collection_not_found',
    });
    const other = client.collection('short');
    await client.createCollection({ name: 'short', dimension: DIMENSION });
    const lines = other.importRows(rows);
    await lines.next();
    await client.deleteCollection('short');
    await expect(all(lines)).rejects.toMatchObject({ code: 'collection_not_found', status: 200 });
  });

  test('as a task: made once under a key, waited for, listed, its dead letters read, retried', async () => {
    const send = () => collection.importTask(rows, { idempotencyKey: 'rows-1' });
    const made = await send();
    expect(made).toMatchObject({ type: 'import', collection: 'shop' });
    const seen: number[] = [];
    const onProgress = ({ progress }: { progress: { done: number } }) => seen.push(progress.done);
    const task = await client.tasks.wait(made.uid, { interval: 5, onProgress });
    expect(task).toMatchObject({ status: 'succeeded', details: { created: 2999, failed: 1 } });
    expect(seen.at(-1)).toBe(3000);
    expect((await send()).uid).toBe(made.uid);
    expect(await client.tasks.get(made.uid)).toEqual(task);
    const { tasks, next } = await client.tasks.list({ types: ['import'], statuses: ['succeeded', 'failed'] });
    expect([tasks.map(({ uid }) => uid), next]).toEqual([[made.uid], null]);
    expect(await client.tasks.deadLetters(made.uid, { limit: 5 })).toMatchObject({
      total: 1,
      dead_letters: [{ line: 8, id: 'r7' }],
    });
    await client.tasks.retry(made.uid);
    expect(await client.tasks.wait(made.uid, { interval: 5 })).toMatchObject({ details: { failed: 1 } });
    await expect(client.tasks.cancel(made.uid)).rejects.toMatchObject({ code: 'task_conflict' });
    const left = new AbortController();
    left.abort(new Error('gone'));
    await expect(client.tasks.wait(made.uid, { signal: left.signal })).rejects.toThrow('gone');
  });

  test('canceled, and what else runs as one', async () => {
    const made = await Promise.all([1, 2].map(() => collection.duplicates({ threshold: 0.9999 })));
    // Of each type one at a time: the second still waits, or has begun.
    const [first, second] = made.map(({ uid }) => uid).sort((a, b) => a - b);
    const canceled = await client.tasks.cancel(second!).catch((error: unknown) => error);
    expect(canceled).toMatchObject(
      canceled instanceof AttractorApiError ? { code: 'task_conflict' } : { status: 'canceled' },
    );
    expect(await client.tasks.wait(first!, { interval: 5 })).toMatchObject({ status: 'succeeded' });
    const compact = await collection.compact();
    expect(await client.tasks.wait(compact.uid, { interval: 5 })).toMatchObject({ type: 'compact' });
    expect(await collection.deleteWhere('tags = "row"')).toEqual({ deleted: 2999 });
  });
});

test('aliases are changed and listed', async () => {
  const alias = { alias_name: 'live', collection_name: 'shop' };
  await client.changeAliases([{ create_alias: alias }]);
  expect(await client.aliases()).toEqual([alias]);
  expect((await client.collection('live').query({ id: 'p0-0' })).points.length).toBe(10);
  await client.changeAliases([{ delete_alias: { alias_name: 'live' } }]);
  expect(await client.aliases()).toEqual([]);
  await expect(
    client.changeAliases([{ rename_alias: { old_alias_name: 'a', new_alias_name: 'b' } }]),
  ).rejects.toMatchObject({ code: 'alias_not_found', field: 'actions[0].rename_alias.old_alias_name' });
});

test('snapshots are taken, listed, downloaded and deleted', async () => {
  const { uid } = await client.snapshots.take();
  const { status, details } = await client.tasks.wait(uid, { interval: 20 });
  expect(status).toBe('succeeded');
  const [snapshot] = await client.snapshots.list();
  expect(snapshot).toMatchObject({ name: details.name, bytes: expect.any(Number) });
  const file = await new Response(await client.snapshots.download(snapshot!.name)).arrayBuffer();
  expect(file.byteLength).toBe(snapshot!.bytes);
  await client.snapshots.delete(snapshot!.name);
  expect(await client.snapshots.list()).toEqual([]);
  await expect(client.snapshots.download(snapshot!.name)).rejects.toMatchObject({ status: 404 });
});

describe('errors', () => {
  test('are values with code, field and the id that is in the log', async () => {
    const error = await collection.query({ id: 'p0-0', limit: 0 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AttractorApiError);
    expect(error).toMatchObject({
      status: 400,
      code: 'invalid_argument',
      field: 'limit',
      expected: 'an integer from 1 to 1000',
      received: '0',
      message: 'limit: expected an integer from 1 to 1000, received 0',
      link: '/docs/errors#invalid_argument',
    });
    const { requestId } = error as AttractorApiError;
    await expect.poll(() => shop.log.some((line) => line.request_id === requestId)).toBe(true);
  });

  test('an image that cannot be read is one, by upload too', async () => {
    const nothing = new Uint8Array([1, 2, 3]);
    await expect(collection.query({ image: nothing })).rejects.toMatchObject({ code: 'image_unsupported' });
    await expect(collection.put({ id: 'x', image: nothing })).rejects.toMatchObject({ field: 'image' });
  });

  test('a key that is missing is one, and no call is made again for it', async () => {
    await expect(withoutKey.collections()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
  });

  test('an answer that is not Attractor’s is unknown, a connection that is refused is fetch’s own error', async () => {
    const proxy = createServer((_, response) => response.writeHead(502).end('<html>Bad gateway'));
    const url = await listening(proxy);
    const other = new AttractorClient({ url });
    await expect(other.collections()).rejects.toMatchObject({
      code: 'unknown',
      status: 502,
      message: 'HTTP 502',
    });
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
    await expect(other.collections()).rejects.toThrow(TypeError);
  });
});

describe('a server that is busy', () => {
  let busy: Server;
  let url: string;
  /** What it answers, one after the other; then 200. */
  let answers: [status: number, retryAfter?: string][];
  const seen: { path: string; key: string | undefined; body: string }[] = [];
  beforeAll(async () => {
    busy = createServer((request, response) => {
      let body = '';
      request.on('data', (data) => (body += data));
      request.on('end', () => {
        seen.push({ path: request.url!, key: request.headers['api-key'] as string | undefined, body });
        const [status, retryAfter] = answers.shift() ?? [200];
        if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
        response.writeHead(status).end('{"result":{"collections":[],"points":[]}}');
      });
    });
    url = await listening(busy);
  });
  beforeEach(() => {
    seen.length = 0;
  });
  afterAll(() => {
    busy.closeAllConnections();
    busy.close();
  });

  test('is at an address with a scheme', () => {
    for (const wrong of ['127.0.0.1:3000', 'localhost:3000', 'ftp://shop', 'http://', '']) {
      expect(() => new AttractorClient({ url: wrong }), wrong).toThrow(
        new TypeError(`url: expected a URL such as http://127.0.0.1:3000, received ${wrong}`),
      );
    }
  });

  test('is asked again after its Retry-After, with the same body, key and path', async () => {
    answers = [
      [429, '0'],
      [503, new Date(0).toUTCString()],
    ];
    const client = new AttractorClient({ url: `${url}/search`, apiKey: 'k' });
    await client.collection('a').query({ image: photo, limit: 3 });
    expect(seen.length).toBe(3);
    expect(new Set(seen.map(({ path, key }) => `${path} ${key}`))).toEqual(
      new Set(['/search/v1/collections/a/query k']),
    );
    for (const { body } of seen) expect(body).toContain('name="limit"\r\n\r\n3');
  });

  test('is asked so often and not more; the error says when to come again', async () => {
    answers = Array.from({ length: 9 }, () => [429, '0']);
    await expect(new AttractorClient({ url, retries: 3 }).collections()).rejects.toMatchObject({
      status: 429,
    });
    expect(seen.length).toBe(4);
    answers = [[503, '3600']];
    await expect(new AttractorClient({ url }).collections()).rejects.toMatchObject({ retryAfter: 3600 });
    expect(seen.length).toBe(5);
  });

  test('a call that may not be made twice is not', async () => {
    answers = [[503, '0']];
    const request = { method: 'POST', path: '/v1/anything', json: {} } as const;
    await expect(new AttractorClient({ url }).request(request)).rejects.toMatchObject({ status: 503 });
    answers = [[503, '0']];
    expect((await new AttractorClient({ url }).request({ ...request, idempotent: true })).status).toBe(200);
    answers = [[500]];
    await expect(new AttractorClient({ url }).collections()).rejects.toMatchObject({ status: 500 });
  });

  test('abort and timeout end the wait too', async () => {
    const left = new AbortController();
    answers = [[503, '9']];
    const asked = new AttractorClient({ url }).collections({ signal: left.signal });
    await expect.poll(() => seen.length).toBe(1);
    left.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    answers = [[503, '9']];
    await expect(new AttractorClient({ url, timeout: 50 }).collections()).rejects.toThrow(
      expect.objectContaining({ name: 'TimeoutError' }),
    );
    expect(seen.length).toBe(2);
  });
});

test('abort ends a call that is under way', async () => {
  const left = new AbortController();
  const asked = collection.query({ image: shop.images.get('p2-2')! }, { signal: left.signal });
  left.abort();
  await expect(asked).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});
