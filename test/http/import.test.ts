// /v1/collections/{collection}/import, as an answer line by line and as a task.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AttractorError } from '../../src/errors/error.ts';
import { DIMENSION, LIMITS, openShop, type TestShop } from './shop.ts';
import { ended } from './tasks.ts';

let it: TestShop;
const fetched: string[] = [];
let down = true;
beforeAll(async () => {
  it = await openShop({
    urls: {
      fetcher: {
        async fetchImage({ url }) {
          fetched.push(url);
          if (down && url.endsWith('/none')) throw new AttractorError('image_undecodable', 'nothing there');
          return it.images.get('p0-0')!;
        },
        close: async () => {},
      },
    },
  });
});
afterAll(() => it.close());

let n = 0;
let name = '';
beforeEach(async () => {
  name = `import-${n++}`;
  fetched.length = 0;
  down = true;
  await it.http.put(`/v1/collections/${name}`);
});

const NDJSON = 'application/x-ndjson';

async function send(body: string | Buffer, type = NDJSON, query = '') {
  const answer = await it.http
    .post(`/v1/collections/${name}/import${query}`)
    .set('content-type', type)
    .buffer(true)
    .parse((response, done) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => done(null, text));
    })
    .send(body);
  const lines = String(answer.body).trim().split('\n');
  return { status: answer.status, type: answer.type, lines: lines.map((line) => JSON.parse(line)) };
}

const base64 = (id: string) => it.images.get(id)!.toString('base64');
const vector = Array.from({ length: DIMENSION }, (_, i) => i + 1);
const jsonl = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
const files = () => readdirSync(join(it.data, 'tasks'));
const outcomes = (lines: { line?: number; id?: string; status?: string; error?: { code: string } }[]) =>
  lines.slice(0, -1).map(({ line, id, status, error }) => [line, id, error?.code ?? status]);
const counts = (created: number, failed = 0, unchanged = 0, updated = 0) => ({
  counts: { created, updated, unchanged, failed },
});

describe('line by line', () => {
  test('JSON Lines: one answer per row, bad rows alone; the same again changes nothing', async () => {
    const rows = [
      { id: 'a', group: 'g', image: base64('p0-0'), tags: ['new'], attributes: { price: 5 } },
      { id: 'b', vector },
      { id: 'c', image: { base64: base64('p1-0') } },
      { id: 'bad', image: 'no picture' },
      { id: 'both', image: base64('p0-0'), vector },
      { id: 'typo', vector, tag: [] },
      { id: 'short', vector: [1] },
      { id: 'noise', image: Buffer.from('no picture').toString('base64') },
    ];
    const text = `${rows.map((row) => JSON.stringify(row)).join('\r\n')}\n\n{"id": "cut\n[1]\n`;
    const { status, type, lines } = await send(text);
    expect([status, type]).toEqual([200, NDJSON]);
    expect(outcomes(lines)).toEqual([
      [1, 'a', 'created'],
      [2, 'b', 'created'],
      [3, 'c', 'created'],
      [4, 'bad', 'invalid_argument'],
      [5, 'both', 'invalid_argument'],
      [6, 'typo', 'unknown_option'],
      [7, 'short', 'vector_dimension'],
      [8, 'noise', 'image_unsupported'],
      [10, '', 'invalid_json'],
      [11, '', 'invalid_json'],
    ]);
    expect(lines.at(-1)).toEqual(counts(3, 7));
    expect(it.catalogue.collection(name).get({ id: 'a' })).toMatchObject({
      group: 'g',
      tags: ['new'],
      attributes: { price: 5 },
    });
    expect((await send(`\uFEFF${text}`)).lines.at(-1)).toEqual(counts(0, 7, 3));
    expect(files()).toEqual([]);
  });

  test('CSV: columns by name, attributes of one type per column', async () => {
    const text = [
      'item_id,product_id,image,vector,tags,price,size,new',
      `a,g,${base64('p0-0')},,red|blue,1,1,true`,
      `"b","g",,"${vector.join(', ')}",,2.5,2,false`,
      'c,,short',
      `d,h,"data:image/png;base64,${base64('p1-0')}",,,3,L,`,
      'e,h,,[1],,,,',
    ].join('\n');
    const { lines } = await send(text, 'text/csv');
    expect(outcomes(lines)).toEqual([
      [2, 'a', 'created'],
      [3, 'b', 'created'],
      [4, '', 'dataset_invalid'],
      [5, 'd', 'created'],
      [6, 'e', 'vector_dimension'],
    ]);
    const collection = it.catalogue.collection(name);
    expect(collection.get({ id: 'a' })).toMatchObject({
      group: 'g',
      tags: ['red', 'blue'],
      attributes: { price: 1, size: '1', new: true },
    });
    expect(collection.get({ id: 'b' }).attributes).toEqual({ price: 2.5, size: '2', new: false });
    expect(collection.get({ id: 'd' }).attributes).toEqual({ price: 3, size: 'L' });
    const warning = 'size: 2 of its 3 cells are numbers, but "L" on line 5 is none: the column is texts';
    expect(lines.at(-1)).toEqual({ ...counts(3, 2), warnings: [expect.stringContaining(warning)] });
  });

  test('URLs go through the hook; a failure is its row', async () => {
    const urls = ['https://shop.example/a', 'https://shop.example/none'];
    const { lines } = await send(jsonl(urls.map((image, i) => ({ id: `${i}`, image }))));
    expect(outcomes(lines)).toEqual([
      [1, '0', 'created'],
      [2, '1', 'image_undecodable'],
    ]);
    expect(fetched).toEqual(urls);
  });

  test('a row that is too long fails alone; no rows are no error', async () => {
    const long = { id: 'long', vector, pad: 'x'.repeat(LIMITS.bodyBytes) };
    const { lines } = await send(jsonl([long, { id: 'b', vector }]));
    expect(outcomes(lines)).toEqual([
      [1, '', 'body_too_large'],
      [2, 'b', 'created'],
    ]);
    expect((await send('')).lines).toEqual([counts(0)]);
  });

  test.each([
    ['application/json', '{}', 415, 'unsupported_media_type'],
    ['text/csv', '', 422, 'dataset_invalid'],
    ['text/csv', 'id,id\n1,2\n', 422, 'dataset_invalid'],
    ['text/csv', 'name,vector\na,"1,2"\nb,"3,4"\n', 422, 'dataset_invalid'],
    ['text/csv', Buffer.from('id,vector,name\n1,"1,2",B\xe9ton\n', 'latin1'), 422, 'dataset_invalid'],
    ['text/csv', `id,vector\n1,"${'1,'.repeat(LIMITS.bodyBytes)}`, 422, 'dataset_invalid'],
    [NDJSON, '{}\n'.repeat(LIMITS.importBytes / 3 + 1), 413, 'body_too_large'],
  ])('refused as a whole: %s %#', async (type, body, status, code) => {
    const answer = await send(body, type);
    expect([answer.status, answer.lines[0].error?.code]).toEqual([status, code]);
    expect(it.catalogue.collection(name).info.count).toBe(0);
    expect(files()).toEqual([]);
  });

  test.each([
    ['id,picture\na,x\n', 'header: expected a column image or vector, received id, picture'],
    ['ID,Image\na,x\n', 'header: expected a column id or item_id, in small letters, received ID, Image'],
    ['id,Image\na,x\n', 'header: expected a column image or vector, in small letters, received id, Image'],
  ])('a header without ids or pictures says what is missing: %j', async (text, message) => {
    const { status, lines } = await send(text, 'text/csv');
    expect([status, lines[0].error.message]).toEqual([422, message]);
  });

  test('a number is no id', async () => {
    const { lines } = await send('{"id": 10, "vector": [1]}');
    expect(lines[0].error.message).toMatch(/^id: expected a string of 1 to 256 characters, .*, received 10$/);
  });

  test('unknown collections and options', async () => {
    expect((await send('{"id": "a"}', NDJSON, '?wit=true')).lines[0].error.code).toBe('unknown_option');
    name = 'none';
    expect((await send('{"id": "a"}')).status).toBe(404);
    expect(files()).toEqual([]);
  });
});

describe('as a task', () => {
  const later = async (rows: readonly object[]) => {
    const { status, lines } = await send(jsonl(rows), NDJSON, '?wait=false');
    expect(status).toBe(202);
    return lines[0].result;
  };

  test('it is made, runs, and is shown with its dead letters; they alone are retried', async () => {
    const made = await later([
      { id: 'a', vector },
      { id: 'b', image: 'https://shop.example/none' },
      { id: 'c', vector: [1] },
      { id: 'd', vector },
    ]);
    expect(made).toMatchObject({ type: 'import', collection: name, error: null });
    const task = await ended(it, made.uid);
    expect(task).toMatchObject({
      status: 'succeeded',
      progress: { done: 4, total: 4 },
      eta_seconds: null,
      details: { created: 2, updated: 0, unchanged: 0, failed: 2 },
    });
    for (const field of ['enqueued_at', 'started_at', 'finished_at']) {
      expect(new Date(task[field]).toISOString()).toBe(task[field]);
    }
    const letters = (await it.http.get(`/v1/tasks/${made.uid}/dead-letters?limit=1`)).body.result;
    expect(letters).toEqual({
      total: 2,
      dead_letters: [{ line: 2, id: 'b', code: 'image_undecodable', reason: 'nothing there' }],
      next: 3,
    });
    const rest = (await it.http.get(`/v1/tasks/${made.uid}/dead-letters?from=3`)).body.result;
    expect(rest).toMatchObject({
      dead_letters: [{ line: 3, id: 'c', code: 'vector_dimension' }],
      next: null,
    });

    fetched.length = 0;
    const again = await it.http.post(`/v1/tasks/${made.uid}/retry`);
    expect([again.status, again.body.result.progress.total]).toEqual([202, 2]);
    expect(await ended(it, made.uid)).toMatchObject({
      status: 'succeeded',
      progress: { done: 2, total: 2 },
      details: { created: 2, unchanged: 0, failed: 2 },
    });
    expect(fetched).toEqual(['https://shop.example/none']);
    expect(files()).toContain(`${made.uid}.rows`);
  });

  test('its details name columns that are texts for a few of their cells', async () => {
    const rows = ['1', '2', 'n/a'].map((price, i) => `${i},"${vector.join(', ')}",${price}`);
    const { lines } = await send(`id,vector,price\n${rows.join('\n')}`, 'text/csv', '?wait=false');
    const { details } = await ended(it, lines[0].result.uid);
    expect(details).toEqual({
      ...counts(3).counts,
      warnings: [expect.stringMatching(/^price: 2 of its 3 /)],
    });
  });

  test('a dead letter whose cause is gone leaves the list, and the body with the last of them', async () => {
    const { uid } = await later([
      { id: 'a', vector },
      { id: 'b', image: 'https://shop.example/none' },
    ]);
    expect(await ended(it, uid)).toMatchObject({ details: { created: 1, failed: 1 } });
    down = false;
    await it.http.post(`/v1/tasks/${uid}/retry`);
    expect(await ended(it, uid)).toMatchObject({ details: { created: 2, failed: 0 } });
    expect((await it.http.get(`/v1/tasks/${uid}/dead-letters`)).body.result.total).toBe(0);
    expect(it.catalogue.collection(name).get({ id: 'b' }).id).toBe('b');
    expect(files()).not.toContain(`${uid}.rows`);
  });

  test('without dead letters its body is gone, and there is nothing to retry or cancel', async () => {
    const { uid } = await ended(it, (await later([{ id: 'a', vector }])).uid);
    expect(files()).not.toContain(`${uid}.rows`);
    for (const what of ['retry', 'cancel']) {
      const { status, body } = await it.http.post(`/v1/tasks/${uid}/${what}`);
      expect([status, body.error.code]).toEqual([409, 'task_conflict']);
    }
  });

  test('a body that is no table fails the task; a dropped collection too', async () => {
    const body = await send('id,id\n', 'text/csv', '?wait=false');
    const task = await ended(it, body.lines[0].result.uid);
    expect(task).toMatchObject({ status: 'failed', error: { code: 'dataset_invalid' } });
    const { uid } = await later(Array.from({ length: 500 }, (_, i) => ({ id: `${i}`, vector })));
    await it.http.delete(`/v1/collections/${name}`);
    expect(await ended(it, uid)).toMatchObject({ error: { code: 'collection_not_found' } });
    expect((await it.http.post(`/v1/tasks/${uid}/retry`)).status).toBe(202);
    expect(await ended(it, uid)).toMatchObject({ status: 'failed' });
  });

  test('canceled in the middle it stops; retried it goes on', async () => {
    const rows = Array.from({ length: 1500 }, (_, i) => ({ id: `${i}`, vector }));
    const { uid } = await later(rows);
    const canceled = (await it.http.post(`/v1/tasks/${uid}/cancel`)).body.result;
    expect(canceled).toMatchObject({ status: 'canceled', error: null });
    expect(it.catalogue.collection(name).info.count).toBeLessThan(rows.length);
    await it.http.post(`/v1/tasks/${uid}/retry`);
    const { details } = await ended(it, uid);
    expect(details.created + details.unchanged).toBe(rows.length);
    expect(it.catalogue.collection(name).info.count).toBe(rows.length);
  });
});
