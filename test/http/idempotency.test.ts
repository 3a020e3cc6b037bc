// Idempotency-Key and wait: done once, answered twice, through a restart of the app; another call under the key is refused.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOnce } from '../../server/http/idempotency.ts';
import type { Call } from '../../server/http/route.ts';
import { DIMENSION, openShop, type TestShop } from './shop.ts';
import { ended } from './tasks.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const vector = Array.from({ length: DIMENSION }, (_, i) => i + 1);
const items = '/v1/collections/shop/items';
const put = (key: string, body: object, path = items) =>
  it.http.put(path).set('Idempotency-Key', key).send(body);

test('the same call again is not done again and gets the same answer', async () => {
  const body = { items: [{ id: 'once', vector }] };
  const first = await put('a', body);
  expect(first.body.result.items).toEqual([{ id: 'once', status: 'created' }]);
  it.shop.delete({ ids: ['once'] });
  const again = await put('a', body);
  expect([again.status, again.body.result]).toEqual([200, first.body.result]);
  expect(() => it.shop.get({ id: 'once' })).toThrow();
  // Under another key, or none, it is a call of its own.
  expect((await put('b', body)).body.result.items[0].status).toBe('created');
  expect((await it.http.put(items).send(body)).body.result.items[0].status).toBe('unchanged');
});

test('another call under the key is refused, whatever differs', async () => {
  const body = { items: [{ id: 'x', vector }] };
  await put('c', body);
  await it.http.put('/v1/collections/other');
  for (const request of [
    put('c', { items: [{ id: 'y', vector }] }),
    put('c', body, '/v1/collections/other/items'),
    it.http.delete(`${items}/x`).set('Idempotency-Key', 'c'),
  ]) {
    const { status, body } = await request;
    expect([status, body.error.code]).toEqual([409, 'idempotency_conflict']);
  }
  expect(it.shop.get({ id: 'x' }).id).toBe('x');
  for (const key of ['', 'a b', 'x'.repeat(256)]) expect((await put(key, body)).status).toBe(400);
});

test('what failed is not kept: it may be tried again', async () => {
  const body = { items: [{ id: 'later', vector }] };
  expect((await put('d', body, '/v1/collections/soon/items')).status).toBe(404);
  await it.http.put('/v1/collections/soon');
  expect((await put('d', body, '/v1/collections/soon/items')).status).toBe(200);
});

test('calls at the same time are one', async () => {
  const image = it.images.get('p3-1')!.toString('base64');
  const body = { items: [{ id: 'race', image, tags: ['race'] }] };
  const answers = await Promise.all(Array.from({ length: 5 }, () => put('e', body)));
  expect(answers.map(({ body }) => body.result.items[0].status)).toEqual(Array(5).fill('created'));
});

test('a task is made once, also where its body was sent twice', async () => {
  const send = (key: string, id: string) =>
    it.http
      .post('/v1/collections/shop/import?wait=false')
      .set('Idempotency-Key', key)
      .set('content-type', 'application/x-ndjson')
      .send(JSON.stringify({ id, vector }));
  const [first, again] = [await send('f', 'i1'), await send('f', 'i1')];
  expect(first.status).toBe(202);
  expect(again.body.result).toEqual(first.body.result);
  expect((await send('f', 'i2')).body.error.code).toBe('idempotency_conflict');
  await ended(it, first.body.result.uid);
  expect(readdirSync(join(it.data, 'tasks'))).toEqual([]);
  const { tasks } = (await it.http.get('/v1/tasks?types=import')).body.result;
  expect(tasks.length).toBe(1);
  const compact = () => it.http.post('/v1/collections/shop/compact').set('Idempotency-Key', 'g');
  const uids = [(await compact()).body.result.uid, (await compact()).body.result.uid];
  expect(uids[0]).toBe(uids[1]);
});

test('an import that answers line by line refuses a key, before it does anything', async () => {
  const { status, body } = await it.http
    .post('/v1/collections/shop/import')
    .set('Idempotency-Key', 'lines')
    .set('content-type', 'application/x-ndjson')
    .send(JSON.stringify({ id: 'lines', vector }));
  expect([status, body.error.code, body.error.field]).toEqual([400, 'invalid_argument', 'idempotency-key']);
  expect(body.error.message).toBe(
    'idempotency-key: expected none but with wait=false, as rows may be sent again at will, received "lines"',
  );
  expect((await it.http.get('/v1/collections/shop/items/lines')).status).toBe(404);
});

test('the answer of a task is kept in the transaction that makes it', () => {
  const replies = it.catalogue.replies;
  const count = it.tasks.runner.list({ limit: 1000 }).length;
  expect(() =>
    it.tasks.snapshot({
      onMade: () => {
        replies.put({ key: 'torn', request: 'r', reply: '{}', at: 0 });
        throw new Error('the power went');
      },
    }),
  ).toThrow('the power went');
  expect(replies.get('torn')).toBeUndefined();
  expect(it.tasks.runner.list({ limit: 1000 }).length).toBe(count);
});

test('answers are kept for a day', async () => {
  let now = 1e12;
  const once = createOnce({ replies: it.catalogue.replies, clock: () => now });
  const call = { idempotencyKey: 'day' } as Call;
  let done = 0;
  const ask = () => once({ call, request: 1, work: () => ({ result: ++done }) });
  expect([await ask(), await ask()]).toEqual([{ result: 1 }, { result: 1 }]);
  now += 24 * 3600 * 1000;
  expect(await ask()).toEqual({ result: 1 });
  now += 1;
  expect(await ask()).toEqual({ result: 2 });
});

test('a call whose first sender failed is done by the second', async () => {
  const once = createOnce({ replies: it.catalogue.replies, clock: Date.now });
  const call = { idempotencyKey: 'first-fails' } as Call;
  let fail!: (error: Error) => void;
  const first = once({
    call,
    request: 1,
    work: () =>
      new Promise((_, reject) => {
        fail = reject;
      }),
  });
  const second = once({ call, request: 1, work: () => ({ result: 'second' }) });
  fail(new Error('left'));
  await expect(first).rejects.toThrow('left');
  expect(await second).toEqual({ result: 'second' });
});

test('wait=false makes a task of an upsert; a malformed one is refused at once', async () => {
  const image = it.images.get('p2-1')!.toString('base64');
  const body = {
    items: [
      { id: 'w1', image },
      { id: 'w2', vector: [1] },
    ],
  };
  const made = await it.http.put(`${items}?wait=false`).send(body);
  expect(made.status).toBe(202);
  expect(await ended(it, made.body.result.uid)).toMatchObject({ details: { created: 1, failed: 1 } });
  expect(it.shop.get({ id: 'w1' }).id).toBe('w1');
  expect((await it.http.put(`${items}?wait=false`).send({ items: [{ id: 'w3' }] })).status).toBe(400);
  expect((await it.http.put(`${items}?wait=true`).send({ items: [{ id: 'w3', vector }] })).status).toBe(200);
  const gone = (query: string) => it.http.post(`${items}/delete${query}`).send({ ids: ['w1'] });
  expect((await gone('?wait=false')).body.error).toMatchObject({ code: 'invalid_argument', field: 'wait' });
  expect((await gone('?wait=true')).body.result).toEqual({ deleted: 1 });
});
