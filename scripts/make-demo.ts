// Makes examples/furniture from the rendered furniture set (shared data, not part of the project): the shop's
// catalogue (studio shot and two room shots per product) and a few room shots to search with. Run once, by hand:
//   node --import tsx scripts/make-demo.ts <folder with catalogue.csv and images/>
// Rows by BlendSwap's CC-BY authors are left out: their attribution is per model and not in the data.

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { createRng } from '../src/math/rng.ts';

interface Row {
  product_id: string;
  name: string;
  category: string;
  view: string;
  scene: string;
  image: string;
  library: string;
  licence: string;
}

const CATALOGUE_VIEWS = ['0', '1', '2'];
/** Views that neither the catalogue nor the default model's training has seen. */
const SAMPLE_VIEWS = ['7', '8', '9'];
const SAMPLES = 18;

const source = process.argv[2];
if (source === undefined) throw new Error('usage: make-demo.ts <furniture data folder>');
const out = join(import.meta.dirname, '../examples/furniture');

const all: Row[] = parse(await readFile(join(source, 'catalogue.csv')), { columns: true });
const rows = all.filter((row) => row.library !== 'BlendSwap-CC-BY');

const csv = (columns: readonly string[], lines: readonly (readonly string[])[]) =>
  `${[columns, ...lines].map((cells) => cells.map(quote).join(',')).join('\n')}\n`;
const quote = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const fileName = (row: Row) => `${row.product_id}-${row.view}.jpg`;

await rm(join(out, 'images'), { recursive: true, force: true });
await rm(join(out, 'samples'), { recursive: true, force: true });
await mkdir(join(out, 'images'), { recursive: true });
await mkdir(join(out, 'samples'), { recursive: true });

const catalogue = rows.filter((row) => CATALOGUE_VIEWS.includes(row.view));
for (const row of catalogue) await copyFile(join(source, row.image), join(out, 'images', fileName(row)));
await writeFile(
  join(out, 'catalogue.csv'),
  csv(
    ['id', 'product_id', 'name', 'category', 'view', 'scene', 'image', 'library', 'licence'],
    catalogue.map((row) => [
      `${row.product_id}-${row.view}`,
      row.product_id,
      row.name,
      row.category,
      row.view,
      row.scene,
      `images/${fileName(row)}`,
      row.library,
      row.licence,
    ]),
  ),
);

// One sample per product, spread over the categories, so that the page shows what the shop holds.
const rng = createRng(2026);
const byCategory = new Map<string, Row[]>();
for (const row of rows.filter((candidate) => SAMPLE_VIEWS.includes(candidate.view))) {
  byCategory.set(row.category, [...(byCategory.get(row.category) ?? []), row]);
}
const samples: Row[] = [];
const pools = [...byCategory.values()].map((pool) => rng.shuffle([...pool]));
for (let turn = 0; samples.length < SAMPLES; turn++) {
  const pool = pools[turn % pools.length]!;
  const next = pool.find((row) => !samples.some((sample) => sample.name === row.name));
  if (next !== undefined) samples.push(next);
}
for (const row of samples) await copyFile(join(source, row.image), join(out, 'samples', fileName(row)));
await writeFile(
  join(out, 'samples.csv'),
  csv(
    ['image', 'product_id', 'name', 'category', 'library', 'licence'],
    samples.map((row) => [
      `samples/${fileName(row)}`,
      row.product_id,
      row.name,
      row.category,
      row.library,
      row.licence,
    ]),
  ),
);
process.stdout.write(`${catalogue.length} catalogue images, ${samples.length} samples\n`);
