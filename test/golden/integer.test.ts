// The default model in 8-bit integers: near its float form, its own fingerprint, and never mixed with it.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import { modelsFolder } from '../../src/catalogue/models-folder.ts';
import type { EmbedResult } from '../../src/embed/embedder.ts';
import { createModelEmbedder, type ModelEmbedder } from '../../src/embed/model-embedder.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import { loadModel, type Precision } from '../../src/model/load.ts';
import { tinyBackbone } from '../fixtures/tiny-shop.ts';

const NAMES = ['grand-piano.jpg', 'basketball.jpg', 'wheelbarrow.jpg'];
let folder: string;
let images: Buffer[];
const models = new Map<Precision, LoadedModel>();
const embedders = new Map<Precision, ModelEmbedder>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-integer-'));
  images = await Promise.all(NAMES.map((name) => readFile(new URL(`images/${name}`, import.meta.url))));
  for (const precision of ['fp32', 'int8'] as const) {
    const model = await loadModel({ directory: 'models/furniture', precision });
    models.set(precision, model);
    embedders.set(precision, await createModelEmbedder({ model }));
  }
});
afterAll(async () => {
  for (const embedder of embedders.values()) await embedder.close();
  await rm(folder, { recursive: true });
});

const vectorOf = (result: EmbedResult | undefined): Float32Array => {
  if (result && 'vector' in result) return result.vector;
  throw result?.error;
};
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

test('an image is nearest to itself across precisions, and nearly the same', async () => {
  const [whole, eight] = await Promise.all(
    [...embedders.values()].map(async (one) => (await one.embedImages({ images })).map(vectorOf)),
  );
  for (const [i, vector] of whole!.entries()) {
    expect(cosine(vector, eight![i]!)).toBeGreaterThan(0.97);
    for (const [j, other] of eight!.entries()) {
      if (i !== j) expect(cosine(vector, other)).toBeLessThan(cosine(vector, eight![i]!) - 0.2);
    }
  }
});

test('the vector does not depend on the batch', async () => {
  const embedder = embedders.get('int8')!;
  const together = (await embedder.embedImages({ images })).map(vectorOf);
  for (const [i, image] of images.entries()) {
    const alone = vectorOf((await embedder.embedImages({ images: [image] }))[0]);
    expect(cosine(alone, together[i]!)).toBeGreaterThan(0.999999);
  }
});

test('two precisions, two fingerprints; the folder has one file', async () => {
  const [whole, eight] = [models.get('fp32')!, models.get('int8')!];
  expect(eight.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(eight.fingerprint).not.toBe(whole.fingerprint);
  expect(eight.manifest).toEqual(whole.manifest);
  expect((await loadModel({ directory: 'models/furniture', precision: 'int8' })).fingerprint).toBe(
    eight.fingerprint,
  );
});

test('a collection made in one precision refuses the images of the other', async () => {
  const open = (precision: Precision) =>
    openCatalogue({
      directory: join(folder, 'data'),
      ...modelsFolder({ folder: 'models', precision, processes: 1 }),
      defaultModel: 'furniture',
      logger: { info() {}, warn() {}, error() {} },
    });
  const [piano, ball] = images as [Buffer, Buffer];
  const first = await open('int8');
  const shop = await first.createCollection({ name: 'shop' });
  expect(shop.info.fingerprint).toBe(models.get('int8')!.fingerprint);
  await shop.upsert({ items: [{ id: 'piano', image: piano }] });
  expect((await shop.query({ by: { image: piano } })).hits).toMatchObject([{ id: 'piano' }]);
  await first.close();

  const second = await open('fp32');
  const again = second.collection('shop');
  await expect(again.query({ by: { image: ball } })).rejects.toMatchObject({
    code: 'fingerprint_mismatch',
    expected: models.get('int8')!.fingerprint,
    received: models.get('fp32')!.fingerprint,
  });
  await second.close();
});

test('a model without 8-bit weights has no such form; a precision that does not exist is named', async () => {
  const { directory } = await tinyBackbone({ directory: join(folder, 'tiny') });
  await expect(loadModel({ directory, precision: 'int8' })).rejects.toMatchObject({
    code: 'onnx_unsupported',
    field: 'precision',
  });
  await expect(loadModel({ directory, precision: 'int4' as Precision })).rejects.toMatchObject({
    code: 'invalid_argument',
    field: 'precision',
    expected: 'fp32 or int8',
  });
});
