// Multi-view features with a real small backbone, and samples that draw from them.

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatasetRow } from '../../src/dataset/row.ts';
import type { Embedder } from '../../src/embed/embedder.ts';
import { createModelEmbedder } from '../../src/embed/model-embedder.ts';
import { augment } from '../../src/image/augment.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { createRng } from '../../src/math/rng.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import { createAugmentation } from '../../training/augment/augmentation.ts';
import { extractViews } from '../../training/augment/extract-views.ts';
import { imageSamples, viewSamples } from '../../training/augment/samples.ts';
import { extractFeatures } from '../../training/features/extract.ts';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';

const folder = mkdtempSync(join(tmpdir(), 'attractor-views-'));
let model: LoadedModel;
let rows: DatasetRow[];
beforeAll(async () => {
  model = await tinyBackbone({ directory: join(folder, 'backbone') });
  await tinyShop({ folder, classes: 5, each: 4 });
  rows = Array.from({ length: 20 }, (_, i) => {
    const label = String(Math.floor(i / 4));
    const image = join(folder, `images/${label}-${i % 4}.png`);
    return { line: i + 2, id: String(i), label, image, tags: [], attributes: {} };
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

const opened = { times: 0, closed: 0, pictures: 0 };
async function openEmbedder(): Promise<Embedder> {
  const inner = await createModelEmbedder({ model });
  opened.times++;
  return {
    fingerprint: inner.fingerprint,
    dimension: inner.dimension,
    embed: ({ images }) => {
      opened.pictures += images.length;
      return inner.embedImages({ images });
    },
    close: async () => {
      opened.closed++;
      await inner.close();
    },
  };
}
const augmentation = createAugmentation({ crop: true, flip: true, colour: true });
const extract = (cache: string, changes: Partial<Parameters<typeof extractViews>[0]> = {}) =>
  extractViews({
    rows,
    cache: join(folder, cache),
    fingerprint: model.fingerprint,
    dimension: 32,
    openEmbedder,
    contract: model.manifest.preprocess,
    augmentation,
    views: 3,
    seed: 1,
    ...changes,
  });

describe('extractViews', () => {
  it('has the clean features first, then views that differ from them and from each other', async () => {
    const { views, cached, embedded } = await extract('a');
    expect(views.map((view) => view.length)).toEqual([640, 640, 640]);
    expect([cached, embedded]).toEqual([0, 60]);
    const { features } = await extractFeatures({
      ...{ rows, cache: join(folder, 'plain'), fingerprint: model.fingerprint, dimension: 32, openEmbedder },
    });
    expect(views[0]).toEqual(features);
    expect(views[1]).not.toEqual(views[0]);
    expect(views[2]).not.toEqual(views[1]);
    const cosine = (a: number, b: number) =>
      views[a]!.subarray(0, 32).reduce((sum, x, j) => sum + x * views[b]!.subarray(0, 32)[j]!, 0);
    expect(cosine(0, 1)).toBeGreaterThan(0.5);
  });

  it('embeds each view once in its life, with one embedder for all, and shares the clean ones', async () => {
    const first = await extract('b', { views: 2 });
    Object.assign(opened, { times: 0, closed: 0, pictures: 0 });
    const more = await extract('b', { views: 3 });
    expect(opened).toEqual({ times: 1, closed: 1, pictures: 20 });
    expect(more.views.slice(0, 2)).toEqual(first.views);
    const again = await extract('b');
    expect(opened.times).toBe(1);
    expect([again.cached, again.embedded]).toEqual([60, 0]);
    expect(again.views).toEqual(more.views);
    const { embedded } = await extract('b', { seed: 2, views: 2 });
    expect(embedded).toBe(20);
  });

  it('gives an image its view wherever it stands, and another one for other seeds and settings', async () => {
    const { views } = await extract('c');
    const backwards = await extract('d', { rows: rows.toReversed() });
    expect(backwards.views[2]!.slice(-32)).toEqual(views[2]!.slice(0, 32));
    expect((await extract('e', { seed: 2 })).views[1]).not.toEqual(views[1]);
    const other = createAugmentation({ crop: true, flip: true });
    expect((await extract('f', { augmentation: other })).views[1]).not.toEqual(views[1]);
  });

  it('leaves bad images out of every view', async () => {
    const bad = join(folder, 'bad.png');
    await writeFile(bad, (await readFile(rows[0]!.image)).subarray(0, 200));
    const some = [rows[0]!, { ...rows[1]!, line: 77, image: bad }, rows[2]!];
    const found = await extract('g', { rows: some });
    expect(found.problems).toMatchObject([{ line: 77 }]);
    expect(found.rows.map((row) => row.id)).toEqual(['0', '2']);
    expect(found.views.map((view) => view.length)).toEqual([64, 64, 64]);
  });

  it('counts its progress over all views', async () => {
    const seen: number[] = [];
    await extract('h', { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
    await expect(extract('h', { views: 0 })).rejects.toThrow(/views: expected/);
  });
});

describe('viewSamples', () => {
  const views = [0, 1, 2, 3].map((v) => Float32Array.from({ length: 12 }, (_, at) => 100 * v + at));
  const labels = Int32Array.of(0, 0, 1, 1);
  const samples = viewSamples({ views, dimension: 3, labels });
  const drawn = async (of = samples, count = 400) => {
    const rng = createRng(3);
    const { data, dims } = (await of.batch(new Int32Array(count).fill(2), rng)).features!;
    expect(dims).toEqual([count, 3]);
    const list = Array.from({ length: count }, (_, i) => Math.floor(Number(data[3 * i]) / 100));
    data.forEach((x, at) => {
      expect(Number(x) % 100).toBe(6 + (at % 3));
    });
    return [0, 1, 2, 3].map((v) => list.filter((x) => x === v).length / count);
  };

  it('draws all views alike, or the clean one as often as asked, the same from the same rng', async () => {
    for (const part of await drawn()) expect(part).toBeCloseTo(0.25, 1);
    const clean = await drawn(viewSamples({ views, dimension: 3, labels, clean: 0.7 }));
    expect(clean[0]).toBeCloseTo(0.7, 1);
    const only = await drawn(viewSamples({ views: views.slice(0, 1), dimension: 3, labels }));
    expect(only).toEqual([1, 0, 0, 0]);
    const pick = Int32Array.of(0, 3, 1);
    expect(await samples.batch(pick, createRng(4))).toEqual(await samples.batch(pick, createRng(4)));
  });

  it('has a hash of its numbers and refuses views of other sizes', () => {
    expect(viewSamples({ views, dimension: 3, labels }).hash).toBe(samples.hash);
    expect(viewSamples({ views: views.slice(1), dimension: 3, labels }).hash).not.toBe(samples.hash);
    expect(() => viewSamples({ views: [views[0]!, views[1]!.slice(3)], dimension: 3, labels })).toThrow(
      /views\[1\]/,
    );
    expect(() => viewSamples({ views: [], dimension: 3, labels })).toThrow(/views: expected at least one/);
  });
});

describe('imageSamples', () => {
  const open = (changes: object = {}) =>
    imageSamples({
      images: rows.map((row) => row.image),
      labels: Int32Array.from(rows, (row) => Number(row.label)),
      contract: model.manifest.preprocess,
      input: 'image',
      hash: 'shop',
      ...changes,
    });
  const pixelsOf = async (samples: ReturnType<typeof open>, seed: number) =>
    (await samples.batch(Int32Array.of(7, 7, 2), createRng(seed))).image!;

  it('reads what serving sees where nothing is augmented', async () => {
    const { dims, data } = await pixelsOf(open(), 1);
    expect(dims).toEqual([3, 3, 16, 16]);
    const contract = model.manifest.preprocess;
    const bytes = await readFile(rows[2]!.image);
    expect(data.slice(2 * 768)).toEqual(await preprocess({ bytes, contract }));
    expect(data.slice(0, 768)).toEqual(data.slice(768, 1536));
  });

  it('augments each sample of each step anew, by its seed', async () => {
    const samples = open({ augmentation });
    const one = await pixelsOf(samples, 1);
    expect(one.data.slice(0, 768)).not.toEqual(one.data.slice(768, 1536));
    expect(await pixelsOf(samples, 1)).toEqual(one);
    expect(await pixelsOf(samples, 2)).not.toEqual(one);
    const contract = model.manifest.preprocess;
    const rng = createRng(createRng(1).int(2 ** 32));
    const bytes = await readFile(rows[7]!.image);
    const expected = await augment({ bytes, contract, transform: augmentation.draw(rng, contract) });
    expect(one.data.slice(0, 768)).toEqual(expected);
    expect(samples.hash).not.toBe(open().hash);
  });
});
