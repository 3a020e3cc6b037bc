// /v1/models and /v1/embeddings

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS } from '../../src/errors/table.ts';
import { DIMENSION, LIMITS, openShop, type TestShop } from './shop.ts';

let it: TestShop;
beforeAll(async () => {
  it = await openShop();
});
afterAll(() => it.close());

const embed = (body: object) => it.http.post('/v1/embeddings').send(body);
const base64 = (id: string) => it.images.get(id)!.toString('base64');
const stored = (id: string) => Array.from(it.shop.get({ id, withVector: true }).vector!);

test('models are listed and described', async () => {
  const { models } = (await it.http.get('/v1/models')).body.result;
  const facts = {
    name: 'tiny',
    kind: 'backbone',
    dimension: DIMENSION,
    metric: 'cosine',
    fingerprint: it.shop.info.fingerprint,
    quality: {},
  };
  expect(models).toEqual([facts]);
  const one = (await it.http.get('/v1/models/tiny')).body.result;
  expect(one).toEqual({ ...facts, provenance: {}, preprocess: expect.objectContaining({ width: 16 }) });
  for (const name of ['none', '..', '%2e%2e', '..%2fmodels%2ftiny', 'tiny%2f', 'tiny%00']) {
    expect((await it.http.get(`/v1/models/${name}`)).status).toBe(404);
  }
});

test('a folder that is no model is told without its path, which is for the log', async () => {
  const models = join(it.data, '../models');
  for (const [name, manifest, status, code] of [
    ['empty', undefined, 404, 'model_not_found'],
    ['broken', '{}', 422, 'model_invalid'],
  ] as const) {
    await mkdir(join(models, name));
    if (manifest) await writeFile(join(models, name, 'manifest.json'), manifest);
    const { status: answered, body } = await it.http.get(`/v1/models/${name}`);
    expect([answered, body.error.code, body.error.message]).toEqual([status, code, ERRORS[code].meaning]);
    expect(JSON.stringify(body)).not.toContain(models);
    expect(it.log.some(({ msg }) => `${msg}`.includes(join(models, name)))).toBe(true);
    await rm(join(models, name), { recursive: true });
  }
});

test('embeddings are the vectors that items have, in each written form', async () => {
  const input = [base64('p0-0'), `data:image/png;base64,${base64('p1-1')}`, { image: base64('p2-2') }];
  const { status, body } = await embed({ model: 'tiny', input, user: 'me' });
  expect(status).toBe(200);
  const { fingerprint } = it.shop.info;
  const usage = { prompt_tokens: 0, total_tokens: 0 };
  const data = ['p0-0', 'p1-1', 'p2-2'].map((id, index) => ({
    object: 'embedding',
    index,
    embedding: stored(id),
  }));
  expect(body).toEqual({ object: 'list', data, model: 'tiny', fingerprint, usage });

  const bare = await embed({ model: 'tiny', input: input[0]!, encoding_format: 'base64', dimensions: 32 });
  const bytes = Buffer.from(bare.body.data[0].embedding, 'base64');
  expect(Array.from({ length: DIMENSION }, (_, i) => bytes.readFloatLE(4 * i))).toEqual(stored('p0-0'));

  const form = await it.http
    .post('/v1/embeddings')
    .attach('image', it.images.get('p0-0')!, 'a.png')
    .field('model', 'tiny');
  expect(form.body.data).toEqual([data[0]]);
});

test('what cannot be embedded is named, and nothing else is answered', async () => {
  const good = base64('p0-0');
  const bad: [object, number, string, string][] = [
    [{ input: good }, 400, 'invalid_argument', 'model'],
    [{ model: 'none', input: good }, 404, 'model_not_found', 'model'],
    [{ model: '..', input: good }, 404, 'model_not_found', 'model'],
    [{ model: 'tiny' }, 400, 'invalid_argument', 'input'],
    [{ model: 'tiny', input: [] }, 400, 'invalid_argument', 'input'],
    [{ model: 'tiny', input: Array(LIMITS.itemsPerCall + 1).fill('AAAA') }, 400, 'invalid_argument', 'input'],
    [{ model: 'tiny', input: good, dimensions: 8 }, 400, 'invalid_argument', 'dimensions'],
    [{ model: 'tiny', input: good, encoding_format: 'hex' }, 400, 'invalid_argument', 'encoding_format'],
    [{ model: 'tiny', input: good, size: 1 }, 400, 'unknown_option', 'size'],
    [{ model: 'tiny', input: [good, 'no!'] }, 400, 'invalid_argument', 'input[1]'],
    [{ model: 'tiny', input: [good, 'AAAA'] }, 415, 'image_unsupported', 'input[1]'],
    [{ model: 'tiny', input: ['https://shop.example/a'] }, 422, 'url_forbidden', 'input[0].url'],
  ];
  for (const [body, status, code, field] of bad) {
    const answer = await embed(body);
    expect([answer.status, answer.body.error], JSON.stringify(body).slice(0, 80)).toEqual([
      status,
      expect.objectContaining({ code, field }),
    ]);
  }
});
