// What the HTTP bench runs against: a data folder with one collection of made-up vectors, the photos, the real server as a
// process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import { modelsFolder } from '../../src/catalogue/models-folder.ts';
import { sharp } from '../../src/image/libvips.ts';
import type { Precision } from '../../src/model/load.ts';
import { clustered } from '../search/data.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');
export const MODELS = join(PACKAGE, 'models');
export const COLLECTION = 'bench';
const BATCH = 1000;

export interface BenchOptions {
  readonly folder: string;
  readonly items: number;
  readonly model: string;
  readonly precision: Precision;
  readonly processes: number;
}

/** Makes the collection where the folder does not have it, graph and all. Unit vectors to ask with. */
export async function prepare(
  options: BenchOptions,
): Promise<{ queries: Float32Array[]; dimension: number }> {
  const { folder, items, model, precision } = options;
  const { models, embedderFor } = modelsFolder({ folder: MODELS, precision });
  const { dimension } = await models(model);
  const silent = { info() {}, warn() {}, error() {} };
  const catalogue = await openCatalogue({
    directory: join(folder, 'data'),
    models,
    embedderFor,
    defaultModel: model,
    logger: silent,
  });
  const known = catalogue.list().some(({ name }) => name === COLLECTION);
  const { rows, queries } = clustered({ rows: items, dimension, queries: 1000, seed: 1 });
  const collection = known
    ? catalogue.collection(COLLECTION)
    : await catalogue.createCollection({ name: COLLECTION });
  for (let at = collection.info.count; at < items; at += BATCH) {
    await collection.upsert({
      items: rows.slice(at, at + BATCH).map((vector, i) => ({
        id: `item-${at + i}`,
        group: `product-${Math.floor((at + i) / 3)}`,
        vector,
        attributes: { name: `Product ${at + i}`, category: `category ${i % 20}`, price: i % 500 },
      })),
    });
  }
  while (collection.info.status !== 'green') await sleep(200);
  await catalogue.close();
  return { queries, dimension };
}

export interface Photo {
  readonly name: string;
  readonly bytes: Buffer;
}

/** JPEGs as a phone's browser sends them: `side` pixels wide and high. */
export async function readPhotos(options: { folder: string; side: number }): Promise<Photo[]> {
  const { folder, side } = options;
  const names = (await readdir(folder)).filter((name) => /\.jpe?g$/i.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      bytes: await sharp(await readFile(join(folder, name)))
        .resize(side, side)
        .jpeg({ quality: 85 })
        .toBuffer(),
    })),
  );
}

/**
 * Milliseconds of processor time that a process has used, and its children that still run: what other work on the machine does
 * not change much. NaN where the system does not say (it does on Linux).
 */
export async function cpuOf(pid: number): Promise<{ own: number; children: number }> {
  const used = async (id: string) => {
    const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ms: 10 * (Number(fields[11]) + Number(fields[12])) };
  };
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const below = (await Promise.all(processes.map(used))).filter(({ parent }) => parent === pid);
  const children = below.reduce((sum, { ms }) => sum + ms, 0);
  return { own: (await used(String(pid))).ms, children };
}

export interface Served {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** `cores`: for taskset, where the server is to have only these. `bare`: bare.ts instead of the product. */
export async function serve(options: BenchOptions & { cores?: string; bare?: boolean }): Promise<Served> {
  const { folder, model, precision, processes, cores, bare = false } = options;
  const script = join(PACKAGE, bare ? 'bench/http/bare.ts' : 'server/server.ts');
  const node = [process.execPath, '--import', 'tsx', script];
  const [command, ...args] = cores === undefined ? node : ['taskset', '-c', cores, ...node];
  const child: ChildProcess = spawn(command!, args, {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      ATTRACTOR_DATA: join(folder, 'data'),
      ATTRACTOR_MODEL: model,
      ATTRACTOR_PRECISION: precision,
      ATTRACTOR_EMBED_PROCESSES: String(processes),
      ATTRACTOR_DEMO: 'false',
      ATTRACTOR_AUDIT_EVERY: '0',
    },
  });
  // A bench that fails leaves no server behind.
  process.once('exit', () => child.kill());
  const url = await new Promise<string>((found, failed) => {
    child.once('exit', (code) => failed(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const open = /open (http:\S+?)\/ /.exec(line);
      if (open) found(open[1]!);
    });
  });
  return {
    url,
    pid: child.pid!,
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
