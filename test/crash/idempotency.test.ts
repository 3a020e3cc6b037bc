// kill -9 of the real server in the middle of writes under idempotency keys: a write that was done and not answered is not
// done again. Whoever sends it once more to the next server is told what the first one did.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer, tinyHome } from '../server/process.ts';

const KILLS = 4;
const CALLERS = 4;
const ANSWERS_BETWEEN = 60;

let home: Awaited<ReturnType<typeof tinyHome>>;
let server: Promise<ServerProcess>;
const start = () => startServer({ folder: home.folder, env: { ATTRACTOR_DEMO: 'false' } });
beforeEach(async () => {
  home = await tinyHome();
  server = start();
});
afterEach(async () => {
  await (await server).stop('SIGKILL');
  await home.remove();
});

/** Sends until there is an answer, to whichever server runs by then. */
async function result(method: string, path: string, key: string, body?: object): Promise<unknown> {
  for (;;) {
    const { url } = await server;
    try {
      const answer = await fetch(`${url}/v1/collections${path}`, {
        method,
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: body && JSON.stringify(body),
      });
      return ((await answer.json()) as { result: unknown }).result;
    } catch {
      // The connection died with the server.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test(`${KILLS} kills: every write is answered as if it had been sent once`, {
  timeout: 120_000,
}, async () => {
  await result('PUT', '/shop', 'make', { dimension: 3 });
  let answers = 0;
  let over = false;
  /** Each step would be answered otherwise the second time. */
  async function write(caller: number): Promise<void> {
    for (let n = 0; !over; n++) {
      const id = `${caller}-${n}`;
      const key = (step: string) => `${step}-${id}`;
      const items = [{ id, vector: [1, 2, n] }];
      const created = await result('PUT', '/shop/items', key('put'), { items });
      expect(created).toEqual({ items: [{ id, status: 'created' }] });
      const change = { ids: [id], tags: ['seen'] };
      const patched = await result('POST', '/shop/items/patch', key('patch'), change);
      expect(patched).toEqual({ matched: 1, updated: 1 });
      expect(await result('DELETE', `/shop/items/${id}`, key('delete'))).toEqual({ deleted: 1 });
      const where = { name: `made-${id}`, dimension: 2 };
      const { dimension } = where;
      const made = await result('PUT', `/${where.name}`, key('make'), { dimension });
      expect(made).toMatchObject({ ...where, count: 0 });
      expect(await result('DELETE', `/${where.name}`, key('drop'))).toBe(true);
      answers += 5;
    }
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, (_, i) => write(i)));
  callers.catch(() => {
    over = true;
  });
  for (let kill = 0; kill < KILLS && !over; kill++) {
    const before = answers;
    while (answers < before + ANSWERS_BETWEEN && !over)
      await new Promise((resolve) => setTimeout(resolve, 1));
    const dying = await server;
    server = dying.stop('SIGKILL').then(start);
    await server;
  }
  over = true;
  await callers;
});

test('a change in steps that is killed half-way goes on under its key, and its answer counts all', {
  timeout: 120_000,
}, async () => {
  const COUNT = 10_000;
  await result('PUT', '/shop', 'make', { dimension: 3 });
  const rows = Array.from({ length: COUNT }, (_, n) => JSON.stringify({ id: `${n}`, vector: [1, 2, n] }));
  const { url } = await server;
  const headers = { 'content-type': 'application/x-ndjson' };
  const imported = { method: 'POST', headers, body: rows.join('\n') };
  await (await fetch(`${url}/v1/collections/shop/import`, imported)).text();
  const left = async (filter: string) => {
    const { count } = (await result('POST', '/shop/count', `${Math.random()}`, { filter })) as {
      count: number;
    };
    return count;
  };
  const old = 'seen IS EMPTY';
  for (const [path, change, answer] of [
    ['/shop/items/patch', { filter: old, attributes: { seen: true } }, { matched: COUNT, updated: COUNT }],
    ['/shop/items/delete', { filter: 'seen = true' }, { deleted: COUNT }],
  ] as const) {
    const before = await left(change.filter);
    expect(before).toBe(COUNT);
    const answered = result('POST', path, path, change);
    while ((await left(change.filter)) === before) await new Promise((resolve) => setTimeout(resolve, 1));
    const dying = await server;
    server = dying.stop('SIGKILL').then(start);
    expect(await answered).toEqual(answer);
    expect(await left(change.filter)).toBe(0);
  }
});
