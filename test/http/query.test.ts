// POST /v1/collections/{collection}/query and /query/groups, over HTTP, against a real model.

import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIMENSION, openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const QUERY = '/v1/collections/shop/query';
const picture = (id: string) => it.images.get(id)!;
const ids = (body: { result: { points: { id: string }[] } }) => body.result.points.map((point) => point.id);

test('an uploaded picture of the catalogue finds itself first, in the envelope of Qdrant', async () => {
  const { status, body } = await it.http
    .post(QUERY)
    .attach('image', picture('p1-2'), 'x.png')
    .field('limit', '3');
  expect(status).toBe(200);
  expect(Object.keys(body)).toEqual(['result', 'timing', 'status', 'time']);
  expect(body.status).toBe('ok');
  expect(body.time).toBeGreaterThan(0);
  expect(body.time).toBeLessThan(30);
  expect(body.timing.embed_ms).toBeGreaterThanOrEqual(0);
  expect(body.timing.search_ms).toBeGreaterThanOrEqual(0);
  expect(body.result.points).toHaveLength(3);
  const [first] = body.result.points;
  expect(first.score).toBeCloseTo(1, 5);
  expect({ ...first, score: 1 }).toEqual({
    id: 'p1-2',
    score: 1,
    payload: {
      name: 'Product p1-2',
      price: 12.5,
      new: true,
      group: 'p1',
      tags: ['striped'],
      image: '/v1/collections/shop/items/p1-2/image',
    },
  });
});

test('every way to give the same picture gives the same answer', async () => {
  const bytes = picture('p2-0');
  const base64 = bytes.toString('base64');
  const wrapped = base64.replace(/.{76}/g, '$&\n');
  const upload = await it.http.post(QUERY).attach('image', bytes, 'x.png');
  for (const image of [
    base64,
    { base64 },
    `data:image/png;base64,${base64}`,
    wrapped,
    base64.replace(/=+$/, ''),
  ]) {
    const { status, body } = await it.http.post(QUERY).send({ image });
    expect(status).toBe(200);
    expect(body.result).toEqual(upload.body.result);
  }
});

test('options of an upload may stand in the form or in the URL', async () => {
  const bytes = picture('p0-0');
  const form = await it.http
    .post(QUERY)
    .field('limit', '2')
    .field('with_payload', 'false')
    .field('params', '{"exact":true}')
    .attach('image', bytes, 'x.png');
  const url = await it.http
    .post(`${QUERY}?limit=2&with_payload=false&params={"exact":true}`)
    .attach('image', bytes, 'x.png');
  expect(form.status).toBe(200);
  expect(url.body.result).toEqual(form.body.result);
  expect(form.body.result.points.map(Object.keys)).toEqual([
    ['id', 'score'],
    ['id', 'score'],
  ]);
});

test('by id: the item itself is left out; `query` as a string is the same', async () => {
  const byId = await it.http.post(QUERY).send({ id: 'p3-1', limit: 20 });
  expect(ids(byId.body)).toHaveLength(11);
  expect(ids(byId.body)).not.toContain('p3-1');
  const byQuery = await it.http.post(QUERY).send({ query: 'p3-1', limit: 20 });
  expect(byQuery.body.result).toEqual(byId.body.result);
  const byUrl = await it.http.post(`${QUERY}?id=p3-1&limit=20`);
  expect(byUrl.body.result).toEqual(byId.body.result);
});

test("by vector: an item's own vector finds it; `query` as an array is the same", async () => {
  const item = await it.http.get('/v1/collections/shop/items/p0-1?with_vector=true');
  const { vector } = item.body.result;
  expect(vector).toHaveLength(DIMENSION);
  const byVector = await it.http.post(QUERY).send({ vector, limit: 1, with_vector: true });
  expect(byVector.body.result.points[0]).toMatchObject({ id: 'p0-1', vector });
  expect(byVector.body.result.points[0].score).toBeCloseTo(1, 5);
  const byQuery = await it.http.post(QUERY).send({ query: vector, limit: 1, with_vector: true });
  expect(byQuery.body.result).toEqual(byVector.body.result);
});

test('score_threshold cuts the list where the scores fall below it', async () => {
  const all = await it.http.post(QUERY).send({ id: 'p0-0', limit: 20 });
  const scores = all.body.result.points.map((point: { score: number }) => point.score);
  const middle = (scores[4] + scores[5]) / 2;
  const some = await it.http.post(QUERY).send({ id: 'p0-0', limit: 20, score_threshold: middle });
  expect(ids(some.body)).toEqual(ids(all.body).slice(0, 5));
});

test('a filter on an attribute that no item has, or of another type, is told, with those that there are', async () => {
  const misspelt = { id: 'p1-2', filter: 'prise < 2 AND NOT shop = "x" AND group = "p1"' };
  const there =
    'There are: name, new, price; beside them tags, and group, as which an import keeps the column of the product.';
  const warnings = ['prise', 'shop'].map((key) => `filter: no item has an attribute "${key}". ${there}`);
  const hits = await it.http.post(QUERY).send(misspelt);
  expect(hits.body).toMatchObject({ result: { points: [] }, warnings });
  const groups = await it.http.post(`${QUERY}/groups`).send(misspelt);
  expect(groups.body).toMatchObject({ result: { groups: [] }, warnings });
  const mistyped = {
    id: 'p1-2',
    filter: 'price = "2" AND price != "3" AND name IN [1, "a"] AND tags = 5 AND new IS EMPTY',
  };
  const told = await it.http.post(QUERY).send(mistyped);
  expect(told.body.warnings, JSON.stringify(told.body)).toEqual([
    'filter: values of "price" are of type number, compared with a string. Types never mix.',
    'filter: values of "tags" are of type string, compared with a number. Types never mix.',
  ]);
  const right = await it.http.post(QUERY).send({ id: 'p1-2', filter: 'price < 2' });
  expect(right.body).not.toHaveProperty('warnings');

  const path = QUERY.replace('/query', '');
  const misnamed = `groups: no item has an attribute "brnd". ${there}`;
  const grouped = await it.http.post(`${QUERY}/groups`).send({ id: 'p1-2', group_by: 'brnd' });
  expect(grouped.body).toMatchObject({ result: { groups: [] }, warnings: [misnamed] });
  for (const group_by of ['group', 'tags', 'name']) {
    const answer = await it.http.post(`${QUERY}/groups`).send({ id: 'p1-2', group_by });
    expect(answer.body, group_by).not.toHaveProperty('warnings');
  }
  const { filter } = misspelt;
  const faceted = await it.http.post(`${path}/facet`).send({ key: 'brnd', filter });
  expect(faceted.body).toMatchObject({
    result: { hits: [] },
    warnings: [...warnings, misnamed.replace('groups', 'facet')],
  });
  for (const way of ['count', 'scroll']) {
    const answer = await it.http.post(`${path}/${way}`).send({ filter });
    expect(answer.body.warnings, way).toEqual(warnings);
    const none = await it.http.post(`${path}/${way}`).send({});
    expect(none.body, way).not.toHaveProperty('warnings');
  }
});

test('filter: an object or an expression, in a body, a form or the URL; params.explain says how', async () => {
  const filter = { must: [{ key: 'group', match: { any: ['p1', 'p2'] } }], must_not: [{ has_id: ['p1-0'] }] };
  const expression = 'group IN ["p1", "p2"] AND NOT has_id = "p1-0"';
  const params = { explain: true };
  const json = await it.http.post(QUERY).send({ id: 'p1-2', limit: 20, filter, params });
  expect(ids(json.body).sort()).toEqual(['p1-1', 'p2-0', 'p2-1', 'p2-2']);
  expect(json.body.explanation).toEqual({
    plan: 'scan',
    reason: expect.any(String),
    items: 12,
    estimated: expect.any(Number),
    matches: 5,
    candidates: 5,
    timing: { embed_ms: expect.any(Number), filter_ms: expect.any(Number), search_ms: expect.any(Number) },
  });
  const text = await it.http.post(QUERY).send({ id: 'p1-2', limit: 20, filter: expression });
  expect(text.body.result).toEqual(json.body.result);
  expect(text.body.explanation).toBeUndefined();
  const url = await it.http.post(`${QUERY}?id=p1-2&limit=20&filter=${encodeURIComponent(expression)}`);
  expect(url.body.result).toEqual(json.body.result);
  const upload = await it.http
    .post(`${QUERY}/groups`)
    .field('filter', JSON.stringify(filter))
    .field('params', '{"explain":true}')
    .attach('image', picture('p0-0'), 'x.png');
  expect(upload.body.result.groups.map((group: { id: string }) => group.id).sort()).toEqual(['p1', 'p2']);
  expect(upload.body.explanation.matches).toBe(5);
  const wrong = await it.http.post(QUERY).send({ id: 'p1-2', filter: { must: [{ key: 'a', mach: {} }] } });
  expect(wrong.status).toBe(400);
  expect(wrong.body.error).toMatchObject({ code: 'unknown_option', field: 'mach' });
  for (const filter of [null, 5, 'price <', { must: [{ key: 'a', range: { gt: [] } }] }]) {
    const { status, body } = await it.http.post(QUERY).send({ id: 'p1-2', filter });
    expect([status, body.error.code, body.error.field.slice(0, 6)]).toEqual([
      400,
      'invalid_argument',
      'filter',
    ]);
  }
});

test("recommend, mmr and offset, in Qdrant's words", async () => {
  const recommend = { positive: ['p1-0', 'p1-1'], negative: ['p3-0'], strategy: 'best_score' };
  const own = await it.http.post(QUERY).send({ recommend, limit: 20 });
  expect(own.status).toBe(200);
  expect(ids(own.body)[0]).toBe('p1-2');
  for (const id of ['p1-0', 'p1-1', 'p3-0']) expect(ids(own.body)).not.toContain(id);
  const nested = await it.http.post(QUERY).send({ query: { recommend }, limit: 20 });
  expect(nested.body.result).toEqual(own.body.result);
  const url = await it.http.post(`${QUERY}?recommend=${JSON.stringify(recommend)}&limit=20`);
  expect(url.body.result).toEqual(own.body.result);
  const groups = await it.http.post(`${QUERY}/groups`).send({ recommend, limit: 1 });
  expect(groups.body.result.groups[0].id).toBe('p1');
  const all = ids((await it.http.post(QUERY).send({ id: 'p0-0', limit: 11 })).body);
  const page = await it.http.post(QUERY).send({ id: 'p0-0', limit: 4, offset: 3 });
  expect(ids(page.body)).toEqual(all.slice(3, 7));
  const mmr = { diversity: 1, candidates_limit: 11 };
  const spread = await it.http.post(QUERY).send({ id: 'p0-0', limit: 11, mmr });
  expect(ids(spread.body)[0]).toBe(all[0]);
  expect(ids(spread.body)).not.toEqual(all);
  expect(ids(spread.body).sort()).toEqual([...all].sort());
  for (const [wrong, field] of [
    [{ recommend: { positive: [] } }, 'recommend.positive'],
    [{ recommend: { positive: ['p1-0'], negative: [[1, 2]] } }, 'recommend.negative[0]'],
    [{ recommend: { positive: ['p1-0'], weights: [] } }, 'recommend.weights'],
    [{ id: 'p1-0', mmr: { diversity: 2 } }, 'mmr.diversity'],
    [{ id: 'p1-0', offset: -1 }, 'offset'],
    [{ id: 'p1-0', recommend }, 'body'],
  ] as const) {
    const { status, body } = await it.http.post(QUERY).send(wrong);
    expect([status, body.error.field ?? '']).toEqual([400, field]);
  }
});

test('groups: one entry per product, best first, each with its best hits', async () => {
  const { status, body } = await it.http
    .post(`${QUERY}/groups`)
    .field('group_size', '2')
    .field('group_by', 'group')
    .attach('image', picture('p1-0'), 'x.png');
  expect(status).toBe(200);
  const { groups } = body.result;
  expect(groups.map((group: { id: string }) => group.id).sort()).toEqual(['p0', 'p1', 'p2', 'p3']);
  expect(groups[0].id).toBe('p1');
  expect(groups[0].hits[0]).toMatchObject({ id: 'p1-0', payload: { group: 'p1' } });
  const best: number[] = groups.map((group: { hits: { score: number }[] }) => group.hits[0]!.score);
  expect(best).toEqual([...best].sort((a, b) => b - a));
  for (const group of groups) {
    expect(group.hits).toHaveLength(2);
    expect(group.hits[0].score).toBeGreaterThanOrEqual(group.hits[1].score);
  }
  const json = await it.http.post(`${QUERY}/groups`).send({ id: 'p1-0', limit: 1 });
  expect(json.body.result.groups).toHaveLength(1);
  expect(json.body.result.groups[0].hits).toHaveLength(1);
});

test.each([
  ['filtered', () => ({ id: 'p0-0', filter: { group: 'p0' } })],
  ['by an image', () => ({ image: { base64: it.images.get('p0-0')!.toString('base64') } })],
])(
  'a client that leaves takes its query %s with it, and that is no error of the server',
  async (_, fields) => {
    const original = it.shop.query;
    let outcome: Promise<unknown> | undefined;
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    it.shop.query = async (options) => {
      const left = once(options.signal!, 'abort');
      arrived();
      await left;
      const answer = original.call(it.shop, options);
      outcome = answer.catch((error: unknown) => error);
      return answer;
    };
    const request = it.http.post(QUERY).send(fields());
    request.catch(() => {});
    await arrival;
    request.abort();
    await expect.poll(() => outcome).toBeDefined();
    expect(await outcome).toMatchObject({ code: 'aborted' });
    it.shop.query = original;
    expect(it.log.filter((line) => Number(line.level) >= 50)).toEqual([]);
    expect(it.log.findLast((line) => line.url === QUERY)).toMatchObject({ status: 499 });
    expect((await it.http.post(QUERY).send({ id: 'p0-0' })).status).toBe(200);
  },
);
