// In-Shop's protocol from folder to figures: the queries of the test classes are searched in the gallery and nowhere else, as a plain
// loop over the exported model's own vectors has it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';
import { createModelEmbedder } from '../../src/embed/model-embedder.ts';
import { loadModel } from '../../src/model/load.ts';
import { train } from '../../training/train.ts';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-in-shop-'));
  await tinyBackbone({ directory: join(folder, 'tiny') });
  await tinyShop({ folder, classes: 20, each: 6 });
  // Classes 14 to 19 test: views 0 and 1 are searched for in the others; of class 19 the gallery has none.
  const lines = Array.from({ length: 20 * 6 }, (_, i) => {
    const [label, view] = [Math.floor(i / 6), i % 6];
    const role = view < 2 || label === 19 ? 'query' : 'gallery';
    return `images/${label}-${view}.png id_${label} ${label < 14 ? 'train' : role}`;
  });
  const list = [String(lines.length), 'image_name item_id evaluation_status', ...lines].join('\n');
  writeFileSync(join(folder, 'list_eval_partition.txt'), list);
});
afterAll(() => rmSync(folder, { recursive: true }));

it('queries meet the gallery alone', async () => {
  const data = { path: folder, layout: 'in-shop' as const };
  const out = join(folder, 'models', 'shop');
  const { facts } = await train({
    ...{ data, out, backbone: join(folder, 'tiny'), cache: join(folder, 'cache'), date: '2026-01-31' },
    ...{ loss: 'lda', dimension: 8, audit: 'off' },
  });
  const { rows } = await readDataset(data);
  const embedder = await createModelEmbedder({ model: await loadModel({ directory: out }) });
  const bytes = rows.map(({ image }) => readFileSync(image));
  const vectors = (await embedder.embedImages({ images: bytes })).map(
    (one) => (one as { vector: Float32Array }).vector,
  );
  await embedder.close();

  const gallery = rows.flatMap(({ role }, i) => (role === 'gallery' ? [i] : []));
  const queries = rows.flatMap(({ role }, i) => (role === 'query' ? [i] : []));
  const scored = queries.filter((i) => gallery.some((g) => rows[g]!.label === rows[i]!.label));
  let [first, map] = [0, 0];
  for (const q of scored) {
    const score = (g: number) => vectors[q]!.reduce((sum, x, k) => sum + x * vectors[g]![k]!, 0);
    const hits = gallery
      .map((g) => ({ score: score(g), hit: rows[g]!.label === rows[q]!.label }))
      .sort((a, b) => b.score - a.score)
      .map(({ hit }) => hit);
    const relevant = hits.filter(Boolean).length;
    let found = 0;
    for (const [i, hit] of hits.slice(0, relevant).entries()) if (hit) map += ++found / (i + 1) / relevant;
    if (hits[0]) first++;
  }

  const { scores } = facts.test!.find(({ method }) => method === 'LDA')!;
  expect(scores).toMatchObject({ queries: 5 * 2, lone: 6 });
  expect(scored).toHaveLength(scores.queries);
  expect(scores.recallAt1.value).toBeCloseTo(first / scored.length, 6);
  expect(scores.mapAtR.value).toBeCloseTo(map / scored.length, 6);
  // Not so easy that searching in other images would give the same.
  expect(scores.mapAtR.value).toBeGreaterThan(0.2);
  expect(scores.mapAtR.value).toBeLessThan(0.999);
  expect(facts.gallery).toBe(5 * 4);
  const card = readFileSync(join(out, 'MODEL_CARD.md'), 'utf8');
  expect(card).toContain('Test classes, queries searched in a gallery of 20 images');
  const { quality } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  expect(quality.mapAtR.on).toBe('10 images of test classes, seen by nothing; each against a gallery of 20');
}, 60_000);
