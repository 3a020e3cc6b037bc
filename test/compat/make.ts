// Writes the fixture of the current version: node --import tsx test/compat/make.ts test/compat/v<version>
// Once per released format. What is committed is never made again: it is what that version really wrote.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import { createRng } from '../../src/math/rng.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';
import { randomUnit } from '../reference/nearest.ts';

const folder = process.argv[2]!;
const directory = join(folder, 'data');
mkdirSync(directory, { recursive: true });
const embedder = new ByteEmbedder({ dimension: 8 });
const catalogue = await openCatalogue({
  directory,
  models: async (name) => ({ name, fingerprint: embedder.fingerprint, dimension: embedder.dimension }),
  embedderFor: async () => embedder,
  defaultModel: 'bytes',
  logger: { info: () => {}, warn: () => {}, error: () => {} },
});
catalogue.setMeta('demo', 'imported');
await catalogue.createCollection({ name: 'empty' });
const shop = await catalogue.createCollection({ name: 'shop' });
const rng = createRng(1);
const photo = (n: number) => new Uint8Array(Buffer.from(`photo ${n}`));
const item = (n: number) => ({
  id: `沙发 ${n}`,
  group: `g${n % 5}`,
  tags: ['red', 'é'],
  attributes: { n, on: n % 2 === 0 },
});
await shop.upsert({ items: Array.from({ length: 20 }, (_, n) => ({ ...item(n), image: photo(n % 16) })) });
await shop.upsert({ items: [20, 21, 22].map((n) => ({ ...item(n), vector: randomUnit(rng, 8) })) });
await shop.upsert({ items: [3, 4].map((n) => ({ ...item(n), image: photo(n + 100) })) });
shop.delete({ ids: ['沙发 0', '沙发 16', '沙发 9'] });

const query = randomUnit(rng, 8);
const { hits } = await shop.query({ by: { vector: query }, limit: 100, withVector: true });
const expected = {
  collections: catalogue.list(),
  query: [...query],
  hits: hits.map(({ score, item: { vector, ...rest } }) => ({ score, ...rest, vector: [...vector!] })),
};
await catalogue.close();
rmSync(join(directory, 'attractor.lock'), { force: true });
writeFileSync(join(folder, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`);
