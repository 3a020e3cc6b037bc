// x-timeout-ms against a real process that is stopped, so that nothing depends on how fast this machine is.

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as consume } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIMENSION, openShop, type TestShop } from './shop.ts';

let it: TestShop;
let pid: number;
beforeAll(async () => {
  it = await openShop();
  pid = Number(it.log.find(({ msg }) => msg === 'embedding process ready')!.pid);
});
afterAll(() => it.close());

/** A picture that no query has seen: its bytes differ, its pixels do not. */
const fresh = (mark: number) => Buffer.concat([it.images.get('p0-0')!, Buffer.from([mark])]);
const query = (image: Buffer) => it.http.post('/v1/collections/shop/query').attach('image', image, 'a.png');

test('a query that is not begun in time answers 408 and is never embedded; the next one is', async () => {
  process.kill(pid, 'SIGSTOP');
  const first = query(fresh(1)).then((answer) => answer);
  const { status, body } = await query(fresh(2)).set('x-timeout-ms', '150');
  process.kill(pid, 'SIGCONT');
  expect([status, body.error.code, body.error.field]).toEqual([408, 'deadline_exceeded', 'x-timeout-ms']);
  expect((await first).status).toBe(200);
  const after = await query(fresh(3)).set('x-timeout-ms', '120000');
  expect(after.body.result.points[0].id).toBe('p0-0');
});

test('a write whose deadline passes writes nothing', async () => {
  process.kill(pid, 'SIGSTOP');
  const items = [{ id: 'late', image: { base64: fresh(4).toString('base64') } }];
  const { status } = await it.http
    .put('/v1/collections/shop/items')
    .set('x-timeout-ms', '150')
    .send({ items });
  process.kill(pid, 'SIGCONT');
  expect(status).toBe(408);
  expect((await it.http.get('/v1/collections/shop/items/late')).status).toBe(404);
});

test.each(['0', '-1', '1.5', '120001', '9999999', 'soon', '1e3', ''])(
  '"%s" is refused by name',
  async (given) => {
    const { status, body } = await it.http.get('/v1/collections').set('x-timeout-ms', given);
    expect([status, body.error.code, body.error.field]).toEqual([400, 'invalid_argument', 'x-timeout-ms']);
  },
);

test('a question without an image needs no time', async () => {
  const { status } = await it.http
    .post('/v1/collections/shop/query')
    .set('x-timeout-ms', '120000')
    .send({ id: 'p0-0' });
  expect(status).toBe(200);
});

const vector = [1, ...Array(DIMENSION - 1).fill(0)];
test.each([
  ['a vector query', 'query', 'application/json', { vector }],
  ['an import', 'import', 'application/x-ndjson', { id: 'slow', vector }],
])('%s whose body comes after its deadline is refused, with the deadline as the reason', async (...row) => {
  const [, route, type, fields] = row;
  const server = createServer(it.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const body = JSON.stringify(fields);
  const ask = async (timeout: string, wait: number) => {
    const headers = { 'content-type': type, 'content-length': body.length, 'x-timeout-ms': timeout };
    const path = `/v1/collections/shop/${route}`;
    const call = request({ port, host: '127.0.0.1', method: 'POST', path, headers, agent: false });
    call.write(body.slice(0, 10));
    await once(server, 'request');
    // The deadline's timer is in this process and was set before: it fires first.
    await pause(wait);
    call.end(body.slice(10));
    const [answer] = await once(call, 'response');
    const text = await consume(answer);
    return [answer.statusCode, text.includes('"deadline_exceeded"')];
  };
  expect(await ask('20', 100)).toEqual([408, true]);
  expect(await ask('120000', 0)).toEqual([200, false]);
  server.close();
});
