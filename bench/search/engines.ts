// Attractor and its peers behind one port: build once, then answer queries with more or less effort.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defaultScanThreads } from '../../server/config.ts';
import type { Collection } from '../../src/catalogue/types.ts';
import { ScanThreads } from '../../src/math/scan-threads.ts';
import { openVectors } from '../vectors.ts';
import { type Data, itemOf } from './data.ts';

export interface Answers {
  /** Row numbers of the best k per query. */
  readonly found: number[][];
  /** CPU milliseconds of all queries together. */
  readonly cpu: number;
}

export interface Engine {
  /** What may be turned up for recall; one value where there is nothing to turn. */
  readonly efforts: readonly number[];
  /** Answers all queries, one after the other. */
  run(effort: number, k: number): Promise<Answers>;
  close(): Promise<void>;
  /** Attractor's own. */
  readonly collection?: Collection;
}

const EFFORTS = [10, 20, 30, 40, 60, 80, 120, 160, 240, 320];
const M = 16;
const EF_CONSTRUCTION = 200;
const PEERS = fileURLToPath(new URL('./peers/', import.meta.url));

/** Each throws where it is not installed. */
export const ENGINES: Record<string, (data: Data) => Promise<Engine>> = {
  /** Through the catalogue: filters apart, what an HTTP query does after its picture was embedded. */
  attractor: async (data) => {
    const shop = await attractorShop(data);
    return {
      efforts: [0, ...EFFORTS],
      run: (effort, k) =>
        timed(data, async (vector) => {
          const how = effort === 0 ? { exact: true } : { ef: effort };
          const { hits } = await shop.collection.query({ by: { vector }, limit: k, ...how });
          return hits.map((hit) => Number(hit.id));
        }),
      close: shop.close,
      collection: shop.collection,
    };
  },
  'hnswlib-node': async (data) => {
    const { HierarchicalNSW } = createRequire(import.meta.url)('hnswlib-node');
    const index = new HierarchicalNSW('ip', data.dimension);
    index.initIndex(data.rows.length, M, EF_CONSTRUCTION);
    for (const [i, row] of data.rows.entries()) index.addPoint(Array.from(row), i);
    return {
      efforts: EFFORTS,
      run: (effort, k) => {
        index.setEf(effort);
        return timed(data, (vector) => index.searchKnn(Array.from(vector), k).neighbors);
      },
      close: async () => {},
    };
  },
  usearch: async (data) => {
    const { Index } = createRequire(PEERS)('usearch');
    const indexes = new Map<
      number,
      { search(vector: Float32Array, k: number, threads: number): { keys: BigUint64Array } }
    >();
    const file = join(mkdtempSync(join(tmpdir(), 'attractor-usearch-')), 'index');
    const options = {
      metric: 'ip',
      dimensions: data.dimension,
      connectivity: M,
      expansion_add: EF_CONSTRUCTION,
    };
    const built = new Index(options);
    for (const [i, row] of data.rows.entries()) built.add(BigInt(i), row, 1);
    built.save(file);
    return {
      efforts: EFFORTS,
      run: (effort, k) => {
        // Its width is fixed when an index is made, so each effort opens the file anew.
        if (!indexes.has(effort)) {
          const index = new Index({ ...options, expansion_search: effort });
          index.load(file);
          indexes.set(effort, index);
        }
        return timed(data, (vector) => Array.from(indexes.get(effort)!.search(vector, k, 1).keys, Number));
      },
      close: async () => rmSync(join(file, '..'), { recursive: true }),
    };
  },
  'sqlite-vec': async (data) => {
    const Database = createRequire(import.meta.url)('better-sqlite3');
    const db = new Database(':memory:');
    createRequire(PEERS)('sqlite-vec').load(db);
    db.exec(`CREATE VIRTUAL TABLE v USING vec0(e float[${data.dimension}] distance_metric=cosine)`);
    const insert = db.prepare('INSERT INTO v (rowid, e) VALUES (?, ?)');
    db.transaction(() => {
      for (const [i, row] of data.rows.entries()) insert.run(BigInt(i), row);
    })();
    const select = db.prepare('SELECT rowid FROM v WHERE e MATCH ? AND k = ?').pluck();
    return {
      efforts: [0],
      run: (_, k) => timed(data, (vector) => select.all(vector, k) as number[], 20),
      close: async () => db.close(),
    };
  },
  lancedb: async (data) => {
    const { connect } = createRequire(PEERS)('@lancedb/lancedb');
    const folder = mkdtempSync(join(tmpdir(), 'attractor-lancedb-'));
    const db = await connect(folder);
    const PAGE = 20_000;
    const page = (at: number) =>
      data.rows.slice(at, at + PAGE).map((row, i) => ({ id: at + i, vector: Array.from(row) }));
    const table = await db.createTable('v', page(0));
    for (let at = PAGE; at < data.rows.length; at += PAGE) await table.add(page(at));
    return {
      efforts: [0],
      run: (_, k) =>
        timed(
          data,
          async (vector) => {
            const rows = await table
              .vectorSearch(Array.from(vector))
              .distanceType('cosine')
              .select(['id', '_distance'])
              .limit(k)
              .toArray();
            return rows.map(({ id }: { id: number }) => Number(id));
          },
          20,
        ),
      close: async () => rmSync(folder, { recursive: true }),
    };
  },
  'python3-hnswlib': (data) => python('hnswlib', data),
  'python3-faiss': (data) => python('faiss', data),
};

/** A catalogue in a folder of its own, its graph built. */
async function attractorShop(data: Data): Promise<{ collection: Collection; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'attractor-bench-'));
  const { dimension } = data;
  const threads = new ScanThreads({ count: defaultScanThreads() });
  const catalogue = await openVectors({
    directory,
    hnsw: { m: M, efConstruction: EF_CONSTRUCTION, threads },
  });
  const collection = await catalogue.createCollection({ name: 'bench', dimension });
  const BATCH = 1000;
  for (let at = 0; at < data.rows.length; at += BATCH) {
    const items = data.rows.slice(at, at + BATCH).map((_, i) => itemOf(data, at + i));
    await collection.upsert({ items });
  }
  while (collection.info.status !== 'green') await pause(200);
  const close = async () => {
    await catalogue.close();
    threads.close();
    rmSync(directory, { recursive: true });
  };
  return { collection, close };
}

/** `most` queries only, where one takes long; CPU time is scaled to all. */
async function timed(
  data: Data,
  answer: (vector: Float32Array) => number[] | Promise<number[]>,
  most = data.queries.length,
): Promise<Answers> {
  const found: number[][] = [];
  const queries = data.queries.slice(0, most);
  const before = process.cpuUsage();
  for (const vector of queries) found.push(await answer(vector));
  const { user, system } = process.cpuUsage(before);
  return { found, cpu: ((user + system) / 1000) * (data.queries.length / queries.length) };
}

async function python(name: string, data: Data): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'attractor-python-'));
  const flat = (rows: readonly Float32Array[]) => {
    const all = new Float32Array(rows.length * data.dimension);
    for (const [i, row] of rows.entries()) all.set(row, i * data.dimension);
    return new Uint8Array(all.buffer);
  };
  writeFileSync(join(folder, 'rows.f32'), flat(data.rows));
  writeFileSync(join(folder, 'queries.f32'), flat(data.queries));
  const script = fileURLToPath(new URL('./peers.py', import.meta.url));
  const args = [script, name, folder, String(data.dimension), String(M), String(EF_CONSTRUCTION)];
  const child = spawn('/usr/bin/python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name}: python ended`);
    return JSON.parse(value);
  };
  await next();
  return {
    efforts: EFFORTS,
    run: async (effort, k) => {
      child.stdin.write(`${effort} ${k}\n`);
      return next();
    },
    close: async () => {
      child.stdin.end();
      await once(child, 'close');
      rmSync(folder, { recursive: true });
    },
  };
}
