// /v1/collections/aliases, /v1/aliases and /v1/collections/{collection}/aliases

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const change = (actions: unknown) => it.http.post('/v1/collections/aliases').send({ actions });
const list = async (path = '/v1/aliases') => (await it.http.get(path)).body.result.aliases;

test('aliases are made, switched, renamed and deleted; an alias is good wherever a name is', async () => {
  const made = await change([{ create_alias: { collection_name: 'shop', alias_name: 'live' } }]);
  expect([made.status, made.body]).toEqual([200, { result: true, status: 'ok', time: expect.any(Number) }]);
  await it.http.put('/v1/collections/lamps');
  expect((await it.http.get('/v1/collections/live')).body.result).toMatchObject({ name: 'shop', count: 12 });
  const { points } = (await it.http.post('/v1/collections/live/query').send({ id: 'p0-0', limit: 1 })).body
    .result;
  expect((await it.http.get(points[0].payload.image)).status).toBe(200);

  await change([
    { create_alias: { collection_name: 'lamps', alias_name: 'next' } },
    { delete_alias: { alias_name: 'live' } },
    { rename_alias: { old_alias_name: 'next', new_alias_name: 'live' } },
  ]);
  expect(await list()).toEqual([{ alias_name: 'live', collection_name: 'lamps' }]);
  expect(await list('/v1/collections/lamps/aliases')).toEqual(await list());
  expect(await list('/v1/collections/shop/aliases')).toEqual([]);

  await it.http.delete('/v1/collections/lamps');
  expect(await list()).toEqual([]);
});

test('a bad action is named, and nothing of the call is done', async () => {
  const good = { create_alias: { collection_name: 'shop', alias_name: 'good' } };
  const bad: [unknown, number, string, string][] = [
    [
      { create_alias: { collection_name: 'no', alias_name: 'y' } },
      404,
      'collection_not_found',
      'create_alias.collection_name',
    ],
    [
      { create_alias: { collection_name: 'shop', alias_name: 'shop' } },
      409,
      'collection_exists',
      'create_alias.alias_name',
    ],
    [
      { rename_alias: { old_alias_name: 'no', new_alias_name: 'y' } },
      404,
      'alias_not_found',
      'rename_alias.old_alias_name',
    ],
    [
      { create_alias: { collection_name: 'shop', alias_name: '../x' } },
      400,
      'invalid_argument',
      'create_alias.alias_name',
    ],
    [{ create_alias: { collection_name: 'shop' } }, 400, 'invalid_argument', 'create_alias.alias_name'],
    [{ drop_alias: {} }, 400, 'unknown_option', 'drop_alias'],
  ];
  for (const [action, status, code, field] of bad) {
    const answer = await change([good, action]);
    expect([answer.status, answer.body.error]).toEqual([
      status,
      expect.objectContaining({ code, field: `actions[1].${field}` }),
    ]);
  }
  for (const actions of [undefined, [], [{}], [{ ...good, delete_alias: { alias_name: 'x' } }]]) {
    expect((await change(actions)).body.error.code).toBe('invalid_argument');
  }
  expect(await list()).toEqual([]);
  expect((await it.http.get('/v1/collections/no/aliases')).status).toBe(404);
});
