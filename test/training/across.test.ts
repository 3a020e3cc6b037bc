// Searching across a column, from file to figures: an image meets those of another value only, as a plain loop over the exported
// model's own vectors has it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';
import { createModelEmbedder } from '../../src/embed/model-embedder.ts';
import { loadModel } from '../../src/model/load.ts';
import { prepare } from '../../training/prepare.ts';
import { testSplit } from '../../training/test-split.ts';
import { train } from '../../training/train.ts';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';

let folder: string;
let data: { path: string; label: string };
let common: { data: typeof data; backbone: string; cache: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-across-'));
  await tinyBackbone({ directory: join(folder, 'tiny') });
  data = { path: await tinyShop({ folder, classes: 20, each: 6 }), label: 'product_id' };
  common = { data, backbone: join(folder, 'tiny'), cache: join(folder, 'cache') };
});
afterAll(() => rmSync(folder, { recursive: true }));

it('an image meets those of another view alone', async () => {
  const out = join(folder, 'models', 'shop');
  const { facts } = await train({
    ...{ ...common, out, date: '2026-01-31', across: 'view', testClasses: 0.5, seed: 1 },
    ...{ loss: 'lda', dimension: 8, audit: 'off' },
  });
  const { rows } = await readDataset(data);
  const { held } = testSplit({ rows, fraction: 0.5, seed: 1 });
  const embedder = await createModelEmbedder({ model: await loadModel({ directory: out }) });
  const tested = held.map((row) => rows[row]!);
  const vectors = (
    await embedder.embedImages({ images: tested.map(({ image }) => readFileSync(image)) })
  ).map((one) => (one as { vector: Float32Array }).vector);
  await embedder.close();

  const mapAtR = (meets: (q: number, other: number) => boolean) => {
    let sum = 0;
    for (const [q, query] of tested.entries()) {
      const hits = tested
        .map(({ label }, i) => ({ i, hit: label === query.label }))
        .filter(({ i }) => i !== q && meets(q, i))
        .map(({ i, hit }) => ({
          hit,
          score: vectors[q]!.reduce((dot, x, k) => dot + x * vectors[i]![k]!, 0),
        }))
        .sort((a, b) => b.score - a.score);
      const relevant = hits.filter(({ hit }) => hit).length;
      let found = 0;
      for (const [at, { hit }] of hits.slice(0, relevant).entries())
        if (hit) sum += ++found / (at + 1) / relevant;
    }
    return sum / tested.length;
  };
  const across = mapAtR((q, i) => tested[q]!.attributes.view !== tested[i]!.attributes.view);
  const { scores } = facts.test!.find(({ method }) => method === 'LDA')!;
  expect(scores).toMatchObject({ queries: 60, lone: 0 });
  expect(scores.mapAtR.value).toBeCloseTo(across, 6);
  // Not what searching everywhere gives.
  expect(mapAtR(() => true)).toBeLessThan(across - 1e-3);
  expect(readFileSync(join(out, 'MODEL_CARD.md'), 'utf8')).toContain(
    'searched among those of another `view` only',
  );
  const { quality, provenance } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  expect(quality.mapAtR.on).toBe(
    '60 images of test classes, seen by nothing; each against all of another view',
  );
  expect(provenance.dataset.across).toBe('view');
}, 60_000);

it('refuses what nothing could be found across, before any image is read', async () => {
  const read: string[] = [];
  const asked = (across: string) =>
    prepare({ ...common, cache: join(folder, 'none'), across, onProgress: ({ phase }) => read.push(phase) });
  await expect(asked('colour')).rejects.toThrow(
    'across: expected one of the columns product_id, image, view, received',
  );
  await expect(asked('label')).rejects.toThrow('across: no class has images of two values of label');
  expect(read).toEqual([]);
});
