// How often the shop's first hit is the right product: sends room shots to a running server over HTTP, as a user
// would, and prints hit rates. Not a test: it needs the furniture set beside the project and a started server.
//   node --import tsx bench/demo-accuracy.ts --data <furniture folder> [--views 7,8,9] [--url http://127.0.0.1:3000]

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    views: { type: 'string', default: '7,8,9' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
  },
});
if (values.data === undefined) throw new Error('usage: demo-accuracy.ts --data <furniture folder>');
const views = new Set(values.views.split(','));
const demo = join(import.meta.dirname, '../examples/furniture/catalogue.csv');

interface Row {
  product_id: string;
  view: string;
  image: string;
}
const products = new Set(
  (parse(await readFile(demo), { columns: true }) as Row[]).map((row) => row.product_id),
);
const queries = (
  parse(await readFile(join(values.data, 'catalogue.csv')), { columns: true }) as Row[]
).filter((row) => views.has(row.view) && products.has(row.product_id));

let first = 0;
let five = 0;
const latencies: number[] = [];
for (const [done, row] of queries.entries()) {
  const form = new FormData();
  form.set('image', new Blob([await readFile(join(values.data, row.image))]), 'query.jpg');
  const started = performance.now();
  const reply = await fetch(`${values.url}/v1/collections/shop/query/groups?limit=5`, {
    method: 'POST',
    body: form,
  });
  if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`);
  const { result } = (await reply.json()) as { result: { groups: { id: string }[] } };
  latencies.push(performance.now() - started);
  const rank = result.groups.findIndex((group) => group.id === row.product_id);
  if (rank === 0) first++;
  if (rank >= 0) five++;
  if (done % 100 === 99) process.stderr.write(`\r${done + 1}/${queries.length}`);
}
latencies.sort((a, b) => a - b);
const percent = (n: number) => `${((100 * n) / queries.length).toFixed(1)} %`;
const at = (share: number) => `${latencies[Math.floor(share * (latencies.length - 1))]!.toFixed(0)} ms`;
process.stderr.write('\r');
process.stdout.write(
  `${queries.length} room shots (views ${values.views}): right product first ${percent(first)}, in the first five ${percent(five)}; latency p50 ${at(0.5)}, p95 ${at(0.95)}\n`,
);
