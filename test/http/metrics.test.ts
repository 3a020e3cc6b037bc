// /metrics against real work: what was asked is counted once, where it belongs, under names that cannot grow.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMetrics } from '../../server/metrics/metrics.ts';
import { DIMENSION, openShop, type TestShop } from './shop.ts';
import { ended } from './tasks.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openShop({ auditEvery: 1, hnsw: { from: 8 } });
});
afterAll(() => shop.close());

type Samples = Map<string, number>;
/** `name{label="value"}` to its value. */
function parse(text: string): Samples {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}
async function scrape(): Promise<Samples> {
  const { text, type } = await shop.http.get('/metrics').expect(200);
  expect(type).toBe('text/plain');
  return parse(text);
}
/** What of the samples that begin with `prefix` grew while `work` ran. */
async function grown(prefix: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await scrape();
  await work();
  const after = await scrape();
  return Object.fromEntries(
    [...after]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]): [string, number] => [name.slice(prefix.length), value - (before.get(name) ?? 0)])
      .filter(([, more]) => more !== 0),
  );
}

const query = (body: object) => shop.http.post('/v1/collections/shop/query').send(body).expect(200);
const photo = (id: string) => shop.images.get(id)!.toString('base64');

test('requests are counted by pattern, method and status; what no route takes has one name', async () => {
  const more = await grown('attractor_http_requests_total', async () => {
    await shop.http.get('/v1/collections/shop');
    await shop.http.get('/v1/collections/nobody');
    await shop.http.get('/v1/collections/nobody-else');
    await shop.http.patch('/v1/collections/shop');
    await shop.http.get('/no/such/path');
    await shop.http.get('/another');
    await shop.http.get('/');
    await query({ id: 'p0-0' });
  });
  const collection = 'route="/v1/collections/:collection"';
  expect(more).toEqual({
    '{route="/metrics",method="GET",status="200"}': 1,
    [`{${collection},method="GET",status="200"}`]: 1,
    [`{${collection},method="GET",status="404"}`]: 2,
    [`{${collection},method="PATCH",status="405"}`]: 1,
    '{route="other",method="GET",status="404"}': 2,
    '{route="other",method="GET",status="200"}': 1,
    '{route="/v1/collections/:collection/query",method="POST",status="200"}': 1,
  });
  const samples = await scrape();
  expect(samples.get('attractor_http_requests_in_flight')).toBe(1); // this one
  const count =
    'attractor_http_request_duration_seconds_count{route="/v1/collections/:collection/query",method="POST"}';
  expect(samples.get(count)).toBe(1);
});

const COUNT = 'attractor_stage_duration_seconds_count';
test('only the steps that were needed are timed', async () => {
  const stages = (work: () => Promise<unknown>) => grown(COUNT, work);
  const of = (operation: string, ...names: string[]) =>
    Object.fromEntries(names.map((name) => [`{operation="${operation}",stage="${name}"}`, 1]));
  expect(await stages(() => query({ id: 'p0-0' }))).toEqual(of('query', 'search', 'read'));
  expect(await stages(() => query({ id: 'p0-0', filter: 'price > 1' }))).toEqual(
    of('query', 'filter', 'search', 'read'),
  );
  expect(await stages(() => query({ image: photo('p0-0') }))).toEqual(of('query', 'search', 'read'));
  const groups = () => shop.http.post('/v1/collections/shop/query/groups').send({ id: 'p0-0' }).expect(200);
  expect(await stages(groups)).toEqual(of('query', 'search', 'read'));
  const put = (image: Buffer) =>
    shop.http.put('/v1/collections/shop/items/new').attach('image', image, 'a.jpg').expect(200);
  const other = Buffer.concat([shop.images.get('p0-0')!, Buffer.from([0])]);
  expect(await stages(() => put(other))).toEqual(of('upsert', 'embed', 'write'));
  const third = Buffer.concat([other, Buffer.from([0])]).toString('base64');
  expect(await stages(() => query({ image: third }))).toEqual(of('query', 'embed', 'search', 'read'));
});

test('the vector cache: a picture of the catalogue is a hit, a new one a miss', async () => {
  const more = await grown('attractor_vector_cache_total', async () => {
    await query({ image: photo('p1-0') });
    await query({ image: Buffer.concat([shop.images.get('p1-0')!, Buffer.from([1])]).toString('base64') });
    const items = ['p2-0', 'p2-1', 'p2-2'].map((id) => ({ id: `again-${id}`, image: photo(id) }));
    await shop.http.put('/v1/collections/shop/items').send({ items }).expect(200);
  });
  expect(more).toEqual({ '{result="hit"}': 4, '{result="miss"}': 1 });
});

test('plans, and the audited recall of those by the graph, by filter and width', async () => {
  const vector = Array.from({ length: DIMENSION }, (_, i) => Math.sin(i));
  await expect.poll(() => shop.shop.info.status, { timeout: 20_000 }).toBe('green');
  const labels = '{collection="shop",plan="graph",filter="none"}';
  const audited = async () => (await scrape()).get(`attractor_recall_audited_queries${labels}`) ?? 0;
  const before = await audited();
  const more = await grown('attractor_query_plans_total', async () => {
    await query({ vector, params: { hnsw_ef: 50 } });
    await query({ vector, params: { exact: true } });
    await query({ vector, filter: 'price > 1000' });
  });
  expect(more).toEqual({ '{plan="graph"}': 1, '{plan="scan"}': 1, '{plan="none"}': 1 });
  // One at a time: while another query is audited, this one is not.
  await expect
    .poll(async () => {
      await query({ vector, params: { hnsw_ef: 50 } });
      return audited();
    })
    .toBeGreaterThan(before);
  const samples = await scrape();
  expect(samples.get(`attractor_recall${labels}`)).toBe(1);
  await expect
    .poll(
      async () =>
        [...(await scrape()).keys()].filter((name) => name.startsWith('attractor_recall_by_ef')).length,
    )
    .toBeGreaterThan(3);
});

test('the state of each collection; one that was dropped is gone', async () => {
  await shop.http.put('/v1/collections/shop2').expect(200);
  await shop.http.delete('/v1/collections/shop/items/p3-0').expect(200);
  const before = await scrape();
  expect(before.get('attractor_collection_items{collection="shop"}')).toBe(shop.shop.info.count);
  expect(before.get('attractor_collection_indexed_items{collection="shop"}')).toBe(shop.shop.info.indexed);
  expect(before.get('attractor_collection_tombstones{collection="shop"}')).toBeGreaterThan(0);
  expect(before.get('attractor_collection_build_failures{collection="shop"}')).toBe(0);
  expect(before.get('attractor_collection_items{collection="shop2"}')).toBe(0);
  await shop.http.delete('/v1/collections/shop2').expect(200);
  expect([...(await scrape()).keys()].filter((name) => name.includes('shop2'))).toEqual([]);
});

test('tasks: those that wait and run, what ended and how, what they have done', async () => {
  // One of four has a vector of the right length.
  const vector = (n: number) => Array.from({ length: n % 4 === 0 ? DIMENSION : 1 }, (_, i) => i + n + 1);
  const rows = Array.from({ length: 100 }, (_, n) => JSON.stringify({ id: `t${n}`, vector: vector(n) }));
  const send = () =>
    shop.http
      .post('/v1/collections/shop/import?wait=false')
      .set('content-type', 'application/x-ndjson')
      .send(rows.join('\n'))
      .expect(202);
  const state = async (status: string) =>
    (await scrape()).get(`attractor_tasks{type="import",status="${status}"}`);
  const ends = '{type="import",status=';
  const tasks: { uid: number; status: string; progress: { done: number }; details: { failed?: number } }[] =
    [];
  const more = await grown('attractor_task', async () => {
    const uids: number[] = [];
    for (let n = 0; n < 3; n++) uids.push((await send()).body.result.uid);
    // It waits, runs or, on a fast machine, is over.
    await shop.http.post(`/v1/tasks/${uids[2]}/cancel`);
    for (const uid of uids) tasks.push(await ended(shop, uid));
    expect([await state('enqueued'), await state('processing')]).toEqual([0, 0]);
  });
  const of = (wanted: string) => tasks.filter(({ status }) => status === wanted).length;
  const [succeeded, canceled] = [of('succeeded'), of('canceled')];
  expect(succeeded + canceled).toBe(3);
  const failed = tasks.reduce((sum, { details }) => sum + (details.failed ?? 0), 0);
  const done = tasks.reduce((sum, { progress }) => sum + progress.done, 0);
  expect(more).toEqual({
    [`s_ended_total${ends}"succeeded"}`]: succeeded,
    ...(canceled > 0 && { [`s_ended_total${ends}"canceled"}`]: canceled }),
    '_items_total{type="import",result="succeeded"}': done - failed,
    '_items_total{type="import",result="failed"}': failed,
  });
  const [{ uid, details }] = tasks as [(typeof tasks)[number]];
  expect(details.failed).toBe(75);
  const line = shop.log.find(({ task, msg }) => task === uid && `${msg}`.startsWith('task ended'));
  expect(line).toMatchObject({ level: 40, status: 'succeeded', counts: details });
  // Tried again, they are counted again, as what was done is.
  const again = await grown('attractor_task_items_total', async () => {
    await shop.http.post(`/v1/tasks/${uid}/retry`).expect(202);
    expect((await ended(shop, uid)).details).toEqual(details);
  });
  expect(again).toEqual({ '{type="import",result="failed"}': 75 });
  const failing = await grown('attractor_tasks_ended_total', async () => {
    await shop.http.put('/v1/collections/doomed').expect(200);
    const made = await shop.http.post('/v1/collections/doomed/compact').expect(202);
    await shop.http.delete('/v1/collections/doomed').expect(200);
    await ended(shop, made.body.result.uid);
  });
  expect(Object.values(failing)).toEqual([1]);
});

test('the process itself: memory, CPU, event loop', async () => {
  const samples = await scrape();
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
  expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect([...samples.keys()].some((name) => name.startsWith('nodejs_eventloop_lag'))).toBe(true);
});

describe('embedders', () => {
  test('each count of theirs is one sample, in seconds and images', async () => {
    const metrics = createMetrics({ process: false });
    const stats = {
      waiting: { online: 1, bulk: 2 },
      underWay: 3,
      images: { online: 4, bulk: 5 },
      batches: new Map([
        [1, 6],
        [2, 7],
      ]),
      waited: { online: 8000, bulk: 9000 },
      worked: { online: 10_000, bulk: 11_000 },
      refused: { online: 12, bulk: 0 },
      dropped: { online: 13, bulk: 0 },
      processes: { wanted: 2, live: 1 },
      recycled: 14,
      crashed: 15,
      pace: undefined,
    };
    metrics.watch({ catalogue: shop.catalogue, embedders: () => [['tiny', stats]] });
    // Twice: a scrape adds nothing to the counters.
    await metrics.read();
    const samples = parse((await metrics.read()).text);
    const of = (name: string, labels = '') => samples.get(`attractor_embed_${name}{model="tiny"${labels}}`);
    expect(of('waiting_images', ',priority="bulk"')).toBe(2);
    expect(of('running_images')).toBe(3);
    expect(of('images_total', ',priority="online"')).toBe(4);
    expect(of('batches_total', ',size="2"')).toBe(7);
    expect(of('wait_seconds_total', ',priority="bulk"')).toBe(9);
    expect(of('work_seconds_total', ',priority="online"')).toBe(10);
    expect(of('refused_images_total', ',priority="online"')).toBe(12);
    expect(of('dropped_images_total', ',priority="online"')).toBe(13);
    expect(of('processes', ',state="live"')).toBe(1);
    expect(of('recycled_total')).toBe(14);
    expect(of('crashed_total')).toBe(15);
  });
});
