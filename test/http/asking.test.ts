// Crops, batches, recommend, why, and image examples, over HTTP, against a real model.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharp } from '../../src/image/libvips.ts';
import { openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const SHOP = '/v1/collections/shop';
const picture = (id: string) => it.images.get(id)!;
const ids = (answer: { points: { id: string }[] }) => answer.points.map((point) => point.id);
const left = { x: 0, y: 0, width: 0.5, height: 1, unit: 'fraction' };
const right = { ...left, x: 0.5 };

/** Two pictures side by side, lying on their side: the EXIF rotation puts them upright again. */
async function pair(one: string, other: string): Promise<Buffer> {
  const { width, height } = await sharp(picture(one)).metadata();
  const upright = await sharp({ create: { width: 2 * width, height, channels: 3, background: '#fff' } })
    .composite([
      { input: picture(one), left: 0, top: 0 },
      { input: picture(other), left: width, top: 0 },
    ])
    .png()
    .toBuffer();
  return sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer();
}

describe('crops', () => {
  test('each half of a photo of two things finds its own, with an answer each', async () => {
    const image = await pair('p1-0', 'p3-1');
    const whole = await it.http.post(`${SHOP}/query`).attach('image', image, 'x.png');
    expect(whole.body.result.points[0].score).toBeLessThan(0.999);
    const upload = await it.http
      .post(`${SHOP}/query`)
      .field('crops', JSON.stringify([left, right]))
      .field('limit', '2')
      .attach('image', image, 'x.png');
    expect(upload.status).toBe(200);
    const { crops } = upload.body.result;
    expect(crops).toHaveLength(2);
    for (const [i, id] of ['p1-0', 'p3-1'].entries()) {
      expect(crops[i].points).toHaveLength(2);
      expect(crops[i].points[0]).toMatchObject({ id, score: expect.closeTo(1, 3) });
      expect(crops[i].timing).toEqual({ embed_ms: expect.any(Number), search_ms: expect.any(Number) });
    }
    const base64 = { image: image.toString('base64'), limit: 2 };
    const json = await it.http.post(`${SHOP}/query`).send({ ...base64, crops: [left, right] });
    expect(json.body.result.crops.map(ids)).toEqual(crops.map(ids));
    const one = await it.http.post(`${SHOP}/query`).send({ ...base64, crop: right });
    expect(one.body.result.points).toEqual(crops[1].points);
    const { width, height } = await sharp(picture('p1-0')).metadata();
    const pixels = { x: width, y: 0, width, height, unit: 'pixel' };
    const url = await it.http
      .post(`${SHOP}/query?limit=2&crop=${JSON.stringify(pixels)}`)
      .attach('image', image, 'x.png');
    expect(url.body.result.points).toEqual(crops[1].points);
    const groups = await it.http.post(`${SHOP}/query/groups`).send({ ...base64, crops: [right, left] });
    expect(
      groups.body.result.crops.map((answer: { groups: { id: string }[] }) => answer.groups[0]!.id),
    ).toEqual(['p3', 'p1']);
  });

  test('the crop of a known picture does not answer with the whole, nor the whole with the crop', async () => {
    const base64 = picture('p2-1').toString('base64');
    const part = await it.http.post(`${SHOP}/query`).send({ image: base64, crop: left, why: 'p2-1' });
    expect(part.body.why.score).toBeLessThan(0.9999);
    const whole = await it.http.post(`${SHOP}/query`).send({ image: base64, why: 'p2-1' });
    expect(whole.body.why).toMatchObject({ rank: 1, removed_by: null, score: expect.closeTo(1, 5) });
  });

  test.each<[object, string]>([
    [{ crop: { ...left, width: 0.6, x: 0.5 } }, 'crop'],
    [{ crop: { ...left, width: 0 } }, 'crop.width'],
    [{ crop: { x: 0, y: 0, width: 10_000, height: 1 } }, 'crop'],
    [{ crop: { x: 0, y: 0, width: 0.5, height: 1 } }, 'crop.width'],
    [{ crop: { x: 0, y: 0, width: 1 } }, 'crop.height'],
    [{ crop: { ...left, unit: 'percent' } }, 'crop.unit'],
    [{ crop: { ...left, left: 1 } }, 'crop.left'],
    [{ crop: 'half' }, 'crop'],
    [{ crops: [] }, 'crops'],
    [{ crops: [left, { x: 0, y: 0, width: 10_000, height: 1 }] }, 'crops[1]'],
    [{ crops: [left, { ...left, x: 0.9 }] }, 'crops[1]'],
    [{ crops: Array(17).fill(left) }, 'crops'],
    [{ crops: [left], crop: left }, 'crops'],
  ])('%j is a 400', async (fields, field) => {
    const image = picture('p0-0');
    const json = await it.http.post(`${SHOP}/query`).send({ ...fields, image: image.toString('base64') });
    expect([json.status, json.body.error.field]).toEqual([400, field]);
    const form = it.http.post(`${SHOP}/query`).attach('image', image, 'x.png');
    for (const [key, value] of Object.entries(fields)) form.field(key, JSON.stringify(value));
    const upload = await form;
    expect([upload.status, upload.body.error.field]).toEqual([400, field]);
  });

  test('only images have parts', async () => {
    for (const [fields, field] of [
      [{ id: 'p0-0', crop: left }, 'crop'],
      [{ id: 'p0-0', crops: [left] }, 'crops'],
      [{ recommend: { positive: ['p0-0'] }, crop: left }, 'crop'],
    ] as const) {
      const { status, body } = await it.http.post(`${SHOP}/query`).send(fields);
      expect([status, body.error.field]).toEqual([400, field]);
    }
  });
});

describe('query/batch', () => {
  test('answers like as many queries, in order', async () => {
    const searches = [
      { id: 'p1-0', limit: 3 },
      { image: picture('p2-1').toString('base64'), limit: 1 },
      { recommend: { positive: ['p0-0'] }, filter: 'group = "p3"', params: { explain: true }, why: 'p0-1' },
      { image: picture('p2-1').toString('base64'), limit: 1, crops: [left, right] },
    ];
    const batch = await it.http.post(`${SHOP}/query/batch`).send({ searches });
    expect(batch.status).toBe(200);
    expect(batch.body.result).toHaveLength(4);
    for (const [i, search] of searches.slice(0, 3).entries()) {
      const alone = await it.http.post(`${SHOP}/query`).send(search);
      expect(batch.body.result[i].points).toEqual(alone.body.result.points);
    }
    expect(batch.body.result[2].explanation.matches).toBe(3);
    expect(batch.body.result[2].why.removed_by).toBe('filter');
    expect(batch.body.result[3].crops).toHaveLength(2);
  });

  test.each<[object, number, string]>([
    [{}, 400, 'searches'],
    [{ searches: [] }, 400, 'searches'],
    [{ searches: Array(101).fill({ id: 'p0-0' }) }, 400, 'searches'],
    [{ searches: [{ id: 'p0-0' }, { id: 'p0-0', limit: 0 }] }, 400, 'searches[1].limit'],
    [{ searches: [{ id: 'p0-0' }, { limit: 1 }] }, 400, 'searches[1]'],
    [{ searches: [{ id: 'p0-0' }, { id: 'nobody' }] }, 404, 'searches[1].id'],
    [{ searches: [{ id: 'p0-0', filter: 'a <' }, { id: 'nobody' }] }, 400, 'searches[0].filter'],
    [{ searches: [{ id: 'p0-0', what: 1 }] }, 400, 'searches[0].what'],
  ])('%j fails whole, and says where', async (body, status, field) => {
    const answer = await it.http.post(`${SHOP}/query/batch`).send(body);
    expect([answer.status, answer.body.error.field]).toEqual([status, field]);
  });
});

describe('recommend', () => {
  test('is query with the examples beside the options; images are examples too', async () => {
    const examples = { positive: ['p1-0', 'p1-1'], negative: ['p3-0'] };
    const sugar = await it.http
      .post(`${SHOP}/recommend`)
      .send({ ...examples, limit: 5, filter: 'price > 1' });
    expect(sugar.status).toBe(200);
    const plain = await it.http.post(`${SHOP}/query`).send({ recommend: examples, limit: 5 });
    expect(sugar.body.result).toEqual(plain.body.result);
    const image = (id: string) => ({ image: { base64: picture(id).toString('base64') } });
    const positive = [image('p1-0'), 'p1-1'];
    const mixed = await it.http
      .post(`${SHOP}/recommend`)
      .send({ positive, negative: [{ ...image('p3-0'), crop: left }], limit: 12 });
    expect(mixed.status).toBe(200);
    // The item is an example by its id, its picture is not the item.
    expect(ids(mixed.body.result)).not.toContain('p1-1');
    expect(ids(mixed.body.result)).toContain('p1-0');
    const two = await it.http
      .post(`${SHOP}/query`)
      .send({ recommend: { positive: [image('p1-0'), image('p1-1')] } });
    const same = await it.http.post(`${SHOP}/query`).send({ recommend: { positive: ['p1-0', 'p1-1'] } });
    expect(
      ids(two.body.result)
        .filter((id) => !['p1-0', 'p1-1'].includes(id))
        .slice(0, 8),
    ).toEqual(ids(same.body.result).slice(0, 8));
  });

  test.each<[object, number, string]>([
    [{}, 400, 'positive'],
    [{ positive: [] }, 400, 'positive'],
    [{ positive: 'p0-0' }, 400, 'positive'],
    [{ positive: ['p0-0'], strategy: 'sum_scores' }, 400, 'strategy'],
    [{ positive: ['p0-0'], id: 'p0-1' }, 400, 'id'],
    [{ positive: ['p0-0'], limit: 0 }, 400, 'limit'],
    [{ positive: [{ image: '!' }] }, 400, 'positive[0].image'],
    [{ positive: [{ image: 'aGVsbG8gd29ybGQ=' }] }, 415, 'positive[0]'],
    [{ positive: ['p0-0', [1, 2]] }, 400, 'positive[1]'],
    [{ positive: ['nobody'] }, 404, 'id'],
  ])('%j is refused', async (body, status, field) => {
    const answer = await it.http.post(`${SHOP}/recommend`).send(body);
    expect([answer.status, answer.body.error.field]).toEqual([status, field]);
  });
});

describe('why', () => {
  test('in a body, a form and the URL', async () => {
    const body = { id: 'p0-0', limit: 2, filter: 'group IN ["p1", "p2"]', why: 'p3-0' };
    const expected = {
      id: 'p3-0',
      score: expect.any(Number),
      rank: expect.any(Number),
      removed_by: 'filter',
      condition: { key: 'group', match: { any: ['p1', 'p2'] } },
    };
    const json = await it.http.post(`${SHOP}/query`).send(body);
    expect(json.body.why).toEqual(expected);
    const form = await it.http
      .post(`${SHOP}/query`)
      .field('why', 'p3-0')
      .field('filter', body.filter)
      .attach('image', picture('p0-0'), 'x.png');
    expect(form.body.why).toEqual(expected);
    const url = await it.http.post(`${SHOP}/query?id=p0-0&why=p0-0`);
    expect(url.body.why.removed_by).toBe('query');
    const none = await it.http.post(`${SHOP}/query`).send({ id: 'p0-0' });
    expect(none.body).not.toHaveProperty('why');
  });

  test('of an item that is not there; of groups', async () => {
    const nobody = await it.http.post(`${SHOP}/query`).send({ id: 'p0-0', why: 'nobody' });
    expect([nobody.status, nobody.body.error.code]).toEqual([404, 'item_not_found']);
    const groups = await it.http.post(`${SHOP}/query/groups`).send({ id: 'p0-0', why: 'p0-1' });
    expect([groups.status, groups.body.error.field]).toEqual([400, 'why']);
  });
});

test('groups by an attribute', async () => {
  const groups = await it.http
    .post(`${SHOP}/query/groups`)
    .send({ id: 'p0-0', group_by: 'tags', group_size: 2 });
  expect(groups.body.result.groups).toMatchObject([{ id: 'striped', hits: [{}, {}] }]);
  const empty = await it.http.post(`${SHOP}/query/groups`).send({ id: 'p0-0', group_by: '' });
  expect([empty.status, empty.body.error.field]).toEqual([400, 'group_by']);
});
