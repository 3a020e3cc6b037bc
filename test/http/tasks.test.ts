// /v1/tasks, /v1/snapshots, and the tasks that read a collection.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { restoreSnapshot } from '../../src/store/snapshot.ts';
import { openStore } from '../../src/store/store.ts';
import { openShop, type TestShop } from './shop.ts';
import { ended } from './tasks.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const post = async (path: string, body?: object) => {
  const answer = await it.http.post(path).send(body);
  expect(answer.status).toBe(202);
  return ended(it, answer.body.result.uid);
};

describe('tasks', () => {
  test('duplicates: the clusters are the ones that the collection finds', async () => {
    const task = await post('/v1/collections/shop/duplicates', { threshold: 0.9 });
    const clusters = await it.shop.duplicates({ threshold: 0.9 });
    expect(clusters.length).toBeGreaterThan(0);
    expect(task).toMatchObject({
      type: 'duplicates',
      collection: 'shop',
      progress: { done: 12, total: 12 },
    });
    expect(task.details).toEqual({
      clusters: clusters.length,
      items: clusters.flatMap(({ items }) => items).length,
      largest: clusters,
    });
    for (const body of [{}, { threshold: 2 }, { threshold: 0.9, groups: true }]) {
      expect((await it.http.post('/v1/collections/shop/duplicates').send(body)).status).toBe(400);
    }
  });

  test('compact', async () => {
    const task = await post('/v1/collections/shop/compact');
    expect(task).toMatchObject({ type: 'compact', status: 'succeeded', details: { items: 12 } });
  });

  test('are listed newest first, by status and type, in pages', async () => {
    for (let i = 0; i < 3; i++) await post('/v1/collections/shop/compact');
    const list = async (query: string) => (await it.http.get(`/v1/tasks${query}`)).body.result;
    const uids = ({ tasks }: { tasks: { uid: number }[] }) => tasks.map(({ uid }) => uid);
    const all = await list('');
    expect(uids(all)).toEqual([...uids(all)].sort((a, b) => b - a));
    const compacts = await list('?types=compact,snapshot&statuses=succeeded&limit=2');
    expect(uids(compacts)).toEqual(uids(all).slice(0, 2));
    expect(uids(await list(`?types=compact&from=${compacts.next}`))).toEqual(uids(all).slice(2, 4));
    expect(await list('?statuses=failed')).toEqual({ tasks: [], next: null });
    for (const query of ['statuses=done', 'types=', 'limit=0', 'from=-1', 'status=failed']) {
      expect((await it.http.get(`/v1/tasks?${query}`)).status).toBe(400);
    }
    const { error } = (await it.http.get('/v1/tasks?statuses=failed,done')).body;
    expect(error).toMatchObject({ field: 'statuses', received: '"failed,done"' });
    for (const uid of ['999', '01', 'x', '-1', '1e1', '99999999999999999999']) {
      const { status, body } = await it.http.get(`/v1/tasks/${uid}`);
      expect([status, body.error.code]).toEqual([404, 'task_not_found']);
    }
  });
});

describe('snapshots', () => {
  test('are taken, listed, downloaded and deleted; the file restores the store', async () => {
    const task = await post('/v1/snapshots');
    expect(task).toMatchObject({ type: 'snapshot', status: 'succeeded', progress: { done: 1, total: 1 } });
    const { name, bytes, sha256 } = task.details;
    const { snapshots } = (await it.http.get('/v1/snapshots')).body.result;
    expect(snapshots).toEqual([{ name, bytes, created_at: expect.any(String) }]);
    const file = await it.http.get(`/v1/snapshots/${name}`).responseType('blob');
    expect(file.headers).toMatchObject({
      'content-length': String(bytes),
      'content-disposition': `attachment; filename="${name}"`,
    });
    const folder = mkdtempSync(join(tmpdir(), 'attractor-restored-'));
    try {
      const path = join(folder, 'one.snapshot');
      writeFileSync(path, file.body);
      const directory = join(folder, 'data');
      expect((await restoreSnapshot({ path, directory })).sha256).toBe(sha256);
      const store = openStore({ directory });
      expect(store.collections().map((row) => row.name)).toEqual(['shop']);
      expect(store.items.byId(1, 'p0-0')).toMatchObject({ group: 'p0' });
      store.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect((await it.http.delete(`/v1/snapshots/${name}`)).body.result).toBe(true);
    expect((await it.http.get('/v1/snapshots')).body.result.snapshots).toEqual([]);
    expect((await it.http.get(`/v1/snapshots/${name}`)).status).toBe(404);
  });

  test.each([
    '..%2fattractor.db',
    '%2e%2e%2fattractor.db',
    'attractor.db',
    '.snapshot',
    'a%00.snapshot',
    '..%5cx.snapshot',
    'x%2f..%2fy.snapshot',
  ])('no name leads out of the folder: %s', async (name) => {
    for (const request of [it.http.get(`/v1/snapshots/${name}`), it.http.delete(`/v1/snapshots/${name}`)]) {
      const { status, body } = await request;
      expect([status, body.error.code]).toEqual([404, 'snapshot_not_found']);
    }
  });
});
