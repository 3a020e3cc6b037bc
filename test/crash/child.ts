// The process that is killed: upserts without end, and says which items are acknowledged. Not a test.
// argv: data folder, first number.

import { writeSync } from 'node:fs';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';

const [directory, first] = process.argv.slice(2);
const embedder = new ByteEmbedder();
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const catalogue = await openCatalogue({
  directory: directory!,
  models: async (name) => ({ name, fingerprint: embedder.fingerprint, dimension: embedder.dimension }),
  embedderFor: async () => embedder,
  defaultModel: 'bytes',
  logger: silent,
  // So that graphs are built, extended and swapped while it dies.
  hnsw: { from: 50 },
});
const shop = catalogue.list().length
  ? catalogue.collection('shop')
  : await catalogue.createCollection({ name: 'shop' });

for (let n = Number(first); ; n += 8) {
  const items = Array.from({ length: 8 }, (_, i) => {
    const id = `i${n + i}`;
    return { id, image: new Uint8Array(Buffer.from(`photo ${id}`)) };
  });
  const results = await shop.upsert({ items, priority: 'bulk' });
  // Every third item is deleted again, in a call of its own.
  const deleted = items.filter((_, i) => (n + i) % 3 === 0).map(({ id }) => id);
  writeSync(1, `${results.map(({ id }) => `+${id}`).join('\n')}\n`);
  shop.delete({ ids: deleted });
  writeSync(1, `${deleted.map((id) => `-${id}`).join('\n')}\n`);
}
