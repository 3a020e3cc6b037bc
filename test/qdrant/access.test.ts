// API keys as Qdrant's client sends them: the same scopes and collections as under /v1, refusals in Qdrant's shape.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QdrantClient } from '@qdrant/js-client-rest';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type KeyStore, openKeys } from '../../src/store/keys.ts';
import { openShop, type TestShop } from '../http/shop.ts';

let folder: string;
let keys: KeyStore;
let it: TestShop;
let server: Server;
const clients: Record<string, QdrantClient> = {};

beforeAll(async () => {
  // That the connection is not encrypted, which on this machine it need not be.
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  folder = mkdtempSync(join(tmpdir(), 'attractor-qdrant-'));
  keys = openKeys({ directory: folder });
  it = await openShop({ access: { keys, withoutKeys: 'loopback' } });
  await it.catalogue.createCollection({ name: 'points', dimension: 3 });
  server = createServer(it.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let seed = 0;
  const make = (name: string, scope: 'search' | 'write' | 'admin', collections?: string[]) => {
    const secret = new Uint8Array(32).fill(++seed);
    const { key } = keys.create({ scope, collections, created: '2026-11-28T12:00:00.000Z', secret });
    clients[name] = new QdrantClient({ url, apiKey: key });
  };
  make('search', 'search');
  make('write', 'write');
  make('admin', 'admin');
  make('points only', 'write', ['points']);
  clients.nobody = new QdrantClient({ url });
});
afterAll(async () => {
  vi.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await it.close();
  keys.close();
  rmSync(folder, { recursive: true });
});

const calls: [needs: string, what: string, call: (client: QdrantClient) => Promise<unknown>][] = [
  ['search', 'query', (client) => client.query('points', { query: [1, 0, 0] })],
  ['search', 'batch', (client) => client.queryBatch('points', { searches: [{ query: [1, 0, 0] }] })],
  ['search', 'groups', (client) => client.queryGroups('points', { query: [1, 0, 0], group_by: 'group' })],
  ['search', 'search', (client) => client.search('points', { vector: [1, 0, 0] })],
  ['search', 'recommend', (client) => client.recommend('points', { positive: [[1, 0, 0]] })],
  ['search', 'scroll', (client) => client.scroll('points')],
  ['search', 'count', (client) => client.count('points')],
  ['search', 'facet', (client) => client.facet('points', { key: 'colour' })],
  ['search', 'retrieve', (client) => client.retrieve('points', { ids: [1] })],
  ['search', 'describe', (client) => client.getCollection('points')],
  ['search', 'exists', (client) => client.collectionExists('points')],
  ['write', 'upsert', (client) => client.upsert('points', { points: [{ id: 1, vector: [1, 0, 0] }] })],
  ['write', 'set payload', (client) => client.setPayload('points', { payload: { a: 1 }, points: [1] })],
  ['write', 'overwrite', (client) => client.overwritePayload('points', { payload: { a: 1 }, points: [1] })],
  ['write', 'delete keys', (client) => client.deletePayload('points', { keys: ['a'], points: [1] })],
  ['write', 'clear', (client) => client.clearPayload('points', { points: [1] })],
  ['write', 'delete', (client) => client.delete('points', { points: [9] })],
  [
    'admin',
    'create',
    (client) => client.createCollection('points', { vectors: { size: 3, distance: 'Cosine' } }),
  ],
  ['admin', 'drop', (client) => client.deleteCollection('none')],
];
const order = ['search', 'write', 'admin'];

test.each(calls)('%s: %s', async (needs, _, call) => {
  const refused = (status: number) => ({ status, data: { status: { error: expect.any(String) } } });
  await expect(call(clients.nobody!)).rejects.toMatchObject(refused(401));
  for (const scope of order) {
    const outcome = await call(clients[scope]!).catch((error: unknown) => error);
    if (order.indexOf(scope) < order.indexOf(needs)) expect(outcome, scope).toMatchObject(refused(403));
    // A collection that is there already is another matter than one that may not be made.
    else if (outcome instanceof Error) expect(outcome).toMatchObject({ status: 409 });
  }
});

test('a key of some collections sees and uses only these', async () => {
  const client = clients['points only']!;
  expect(await client.getCollections()).toEqual({ collections: [{ name: 'points' }] });
  expect((await clients.search!.getCollections()).collections.length).toBe(2);
  expect((await client.count('points')).count).toBeGreaterThanOrEqual(0);
  await expect(client.count('shop')).rejects.toMatchObject({ status: 403 });
  await expect(client.query('shop', { query: 'p0-0' })).rejects.toMatchObject({ status: 403 });
});
