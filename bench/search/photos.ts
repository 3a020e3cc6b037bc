// Vectors of a folder's photos and of crops of them, for run.ts --vectors: real embeddings, near-duplicates included, as many as
// a bench needs. Not a test.
//   node --import tsx bench/search/photos.ts --data <folder with catalogue.csv> --out photos.f32 [--views 6]
//     [--model models/furniture] [--precision fp32] [--seed 1]

import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDataset } from '../../src/dataset/read.ts';
import { createEmbedder } from '../../src/embed/pool.ts';
import { createRng } from '../../src/math/rng.ts';
import type { Precision } from '../../src/model/load.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    views: { type: 'string', default: '6' },
    model: { type: 'string', default: 'models/furniture' },
    precision: { type: 'string', default: 'fp32' },
    label: { type: 'string', default: 'product_id' },
    seed: { type: 'string', default: '1' },
  },
});
const { data, out } = values;
if (data === undefined || out === undefined) throw new Error('--data and --out are wanted');

const rng = createRng(Number(values.seed));
const { rows } = await readDataset({ path: join(data, 'catalogue.csv'), label: values.label });
const embedder = await createEmbedder({ directory: values.model, precision: values.precision as Precision });
const file = createWriteStream(out);
/** A part of half to nine tenths of each side, anywhere. */
function crop() {
  const width = 0.5 + 0.4 * rng.next();
  const height = 0.5 + 0.4 * rng.next();
  const unit = 'fraction' as const;
  return { x: (1 - width) * rng.next(), y: (1 - height) * rng.next(), width, height, unit };
}
let written = 0;
for (const { image } of rows) {
  const bytes = await readFile(image);
  const images = Array.from({ length: Number(values.views) }, (_, i) =>
    i === 0 ? bytes : { bytes, crop: crop() },
  );
  for (const result of await embedder.embed({ images, priority: 'bulk' })) {
    if ('error' in result) continue;
    file.write(new Uint8Array(result.vector.slice().buffer));
    written++;
  }
}
await embedder.close();
await new Promise((resolve) => file.end(resolve));
console.log(`${written} x ${embedder.dimension}: ${out}`);
