// What an index takes in memory, by part, against what the process that has it grew by. Not a test.
//   node --import tsx bench/memory.ts [--rows 200000] [--dimension 128]
// Two collections are filled and their graphs built; then a process of its own opens the small one and the other after it, so that
// what every process has is there already.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MaintainedIndex } from '../src/catalogue/maintained-index.ts';
import { openStore } from '../src/store/store.ts';
import { clustered } from './search/data.ts';
import { openVectors } from './vectors.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    dimension: { type: 'string', default: '128' },
    /** Of the process that measures: the folder. */
    open: { type: 'string' },
  },
});
const logger = { info: () => {}, warn: console.warn, error: console.error };
const [rows, dimension] = [Number(values.rows), Number(values.dimension)];
/** Of M16 graphs on layer 0: 32 links of four bytes, their count, and what is above. */
const M16 = 145;

if (values.open) await measure(values.open);
else await prepare();

async function prepare(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'attractor-memory-'));
  try {
    const catalogue = await openVectors({ directory, logger });
    for (const [name, count] of Object.entries({ a: Math.ceil(2 ** 22 / dimension), b: rows })) {
      const collection = await catalogue.createCollection({ name, dimension });
      const data = clustered({ rows: count, dimension, queries: 0, seed: 1 });
      for (let at = 0; at < count; at += 1000) {
        const batch = data.rows.slice(at, at + 1000);
        await collection.upsert({ items: batch.map((vector, i) => ({ id: String(at + i), vector })) });
      }
      while (collection.info.status !== 'green') await pause(200);
    }
    await catalogue.close();
    const options = ['--dimension', String(dimension), '--open', directory];
    const args = ['--expose-gc', '--import', 'tsx', process.argv[1]!, ...options];
    execFileSync(process.execPath, args, { stdio: 'inherit' });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measure(directory: string): Promise<void> {
  const held: MaintainedIndex[] = [];
  let [before, after] = [taken(), taken()];
  const store = openStore({ directory });
  for (const collection of store.collections()) {
    before = after;
    const indexes = join(directory, 'indexes');
    const clock = () => performance.now();
    held.push(
      await MaintainedIndex.open({ store, collection, data: directory, directory: indexes, logger, clock }),
    );
    // What was needed to read it goes in turns.
    for (let i = 0; i < 5; i++) {
      await pause(100);
      gc!();
    }
    after = taken();
  }
  const { index } = held.at(-1)!;
  const { size } = index;
  if (index.inGraph < size) throw new Error(`only ${index.inGraph} of ${size} are in the graph`);
  const line = (name: string, bytes: number) =>
    console.log(name.padEnd(58) + (bytes / size).toFixed(1).padStart(8));
  console.log(`${size} x ${dimension}, bytes per vector`);
  // Room to grow is not touched, and not counted: of vectors and slots too.
  const { copies, links, walk } = index.flat.bytes;
  const slots = (4 + 1 / 8) * size;
  line('vectors, f32', 4 * dimension * size);
  line('int8 copies, with scale, error, norm and place of links', copies);
  line('links', links);
  line('walk: who was seen, who waits', walk);
  line('slots, who is live', slots);
  line('beyond the vectors', copies + links + walk + slots);
  line(`the same without the copies' codes`, copies + links + walk + slots - size * dimension);
  line('goal: 1.5 times the links of M = 16', 1.5 * M16 * size);
  line('sum', 4 * dimension * size + copies + links + walk + slots);
  line('the process grew by (RSS)', after.rss - before.rss);
  line('of that heaps that garbage of the reading is in, for re-use', after.heaps - before.heaps);
}

/** Of this process. The heaps are those of JavaScript, where the columns of the items are too, and of malloc for what is small. */
function taken(): { rss: number; heaps: number } {
  const { rss, heapTotal } = process.memoryUsage();
  const maps = existsSync('/proc/self/smaps') ? readFileSync('/proc/self/smaps', 'utf8') : '';
  const malloc = /\[heap\]\n(?:.*\n)*?Rss: +(\d+) kB/.exec(maps)?.[1] ?? 0;
  return { rss, heaps: heapTotal + 1024 * Number(malloc) };
}
