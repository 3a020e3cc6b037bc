// A million updates of a collection that stays as large as it is: resident memory, recall of the graph, and the size of the
// store, as they go. Not a test.
//   node --import tsx bench/soak.ts [--items 20000] [--dimension 64] [--updates 1000000] [--batch 500]

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRng } from '../src/math/rng.ts';
import { openVectors } from './vectors.ts';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '64' },
    updates: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '500' },
  },
});
const [items, dimension, updates, batch] = (['items', 'dimension', 'updates', 'batch'] as const).map((name) =>
  Number(values[name]),
) as [number, number, number, number];
const LOOKS = 20;
const QUERIES = 100;

const rng = createRng(1);
const centres = Array.from({ length: 200 }, () =>
  Float32Array.from({ length: dimension }, () => rng.normal()),
);
const near = () => centres[rng.int(centres.length)]!.map((x) => x + 0.5 * rng.normal());
const item = (n: number) => ({
  id: `i${n}`,
  vector: near(),
  tags: [`t${rng.int(50)}`],
  attributes: { price: rng.next() },
});

const directory = mkdtempSync(join(tmpdir(), 'attractor-soak-'));
const catalogue = await openVectors({
  directory,
  // So that there is a graph.
  hnsw: { from: Math.min(5000, items) },
});
const shop = await catalogue.createCollection({ name: 'soak', dimension });
for (let n = 0; n < items; n += batch) {
  await shop.upsert({ items: Array.from({ length: batch }, (_, i) => item(n + i)) });
}
const queries = Array.from({ length: QUERIES }, near);
console.log('   updates   RSS MiB   store MiB   not in graph   recall@10   seconds');
const started = performance.now();
await look(0);
for (let done = 0; done < updates; ) {
  const end = Math.min(updates, done + Math.ceil(updates / LOOKS));
  for (; done < end; done += batch) {
    const ids = new Set(Array.from({ length: batch }, () => rng.int(items)));
    await shop.upsert({ items: [...ids].map(item) });
  }
  await look(done);
}
await catalogue.close();
rmSync(directory, { recursive: true });

async function look(done: number): Promise<void> {
  const behind = shop.info.count - shop.info.indexed;
  while (shop.info.status !== 'green') await pause(50);
  let found = 0;
  for (const vector of queries) {
    const truth = await shop.query({ by: { vector }, exact: true });
    const walked = await shop.query({ by: { vector }, ef: 100 });
    const ids = new Set(walked.hits.map((hit) => hit.id));
    found += truth.hits.filter((hit) => ids.has(hit.id)).length;
  }
  const cells = [
    done,
    (process.memoryUsage().rss / 2 ** 20).toFixed(0),
    (statSync(join(directory, 'attractor.db')).size / 2 ** 20).toFixed(0),
    behind,
    (found / (10 * QUERIES)).toFixed(4),
    ((performance.now() - started) / 1000).toFixed(0),
  ];
  console.log(cells.map((cell, i) => String(cell).padStart([10, 10, 12, 15, 12, 10][i]!)).join(''));
}
