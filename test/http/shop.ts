// A real catalogue behind the app, for the tests of the routes: a random 32-d model in one child process, four products
// of three pictures each. Nothing is mocked.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import { pino } from 'pino';
import supertest from 'supertest';
import { expect } from 'vitest';
import { type AppOptions, createApp } from '../../server/app.ts';
import type { Limits } from '../../server/config.ts';
import { tracingObserver } from '../../server/http/tracing.ts';
import { createMetrics } from '../../server/metrics/metrics.ts';
import type { Readiness } from '../../server/routes/health.ts';
import { rowReading } from '../../server/rows.ts';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import { observers } from '../../src/catalogue/observer.ts';
import type { Catalogue, Collection } from '../../src/catalogue/types.ts';
import { readDataset } from '../../src/dataset/read.ts';
import { createEmbedder } from '../../src/embed/pool.ts';
import type { HnswOptions } from '../../src/index/hnsw.ts';
import { openTasks, type Tasks } from '../../src/tasks/tasks.ts';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';
import { contract } from './contract.ts';

export const DIMENSION = 32;
export const LIMITS: Limits = {
  bodyBytes: 256 * 1024,
  imageBytes: 64 * 1024,
  imagePixels: 1_000_000,
  itemsPerCall: 16,
  importBytes: 1024 * 1024,
};

export interface TestShop {
  readonly app: Express;
  readonly http: ReturnType<typeof supertest>;
  readonly catalogue: Catalogue;
  readonly tasks: Tasks;
  /** The data folder. */
  readonly data: string;
  readonly shop: Collection;
  /** Pictures by item id: `p0-0` to `p3-2`. */
  readonly images: ReadonlyMap<string, Buffer>;
  /** What the app logged, one parsed line each. */
  readonly log: readonly Record<string, unknown>[];
  readonly readiness: { state: Readiness };
  /** Answers so far that were held to /openapi.json. */
  readonly checked: () => number;
  close(): Promise<void>;
}

export async function openShop(
  options: { auditEvery?: number; hnsw?: HnswOptions } & Pick<
    AppOptions,
    'demo' | 'accessLog' | 'access' | 'urls' | 'edge'
  > = {},
): Promise<TestShop> {
  const { auditEvery, hnsw, ...appOptions } = options;
  const folder = await mkdtemp(join(tmpdir(), 'attractor-http-'));
  const directory = join(folder, 'models/tiny');
  const model = await tinyBackbone({ directory });
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => log.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const catalogue = await openCatalogue({
    directory: join(folder, 'data'),
    models: async () => ({ name: 'tiny', fingerprint: model.fingerprint, dimension: DIMENSION }),
    embedderFor: () =>
      createEmbedder({
        directory,
        processes: 1,
        limits: { bytes: LIMITS.imageBytes, pixels: LIMITS.imagePixels },
        logger,
      }),
    defaultModel: 'tiny',
    logger,
    auditEvery,
    hnsw,
    observer: observers([metrics.observer, tracingObserver]),
  });
  metrics.watch({ catalogue });
  const { rows } = await readDataset({ path: await tinyShop({ folder, classes: 4, each: 3 }) });
  const images = new Map<string, Buffer>();
  for (const row of rows) images.set(`${row.label}-${row.attributes.view}`, await readFile(row.image));
  const shop = await catalogue.createCollection({ name: 'shop' });
  const items = [...images].map(([id, image]) => ({
    id,
    group: id.slice(0, 2),
    image,
    tags: ['striped'],
    attributes: { name: `Product ${id}`, price: 12.5, new: true },
  }));
  await shop.upsert({ items });
  const tasks = openTasks({
    catalogue,
    directory: join(folder, 'data'),
    reading: rowReading({ limits: LIMITS, fetcher: options.urls?.fetcher }),
    clock: Date.now,
    observer: metrics.tasks,
    logger,
  });
  const readiness: { state: Readiness } = { state: { ready: true } };
  const served: AppOptions = {
    catalogue,
    tasks,
    ready: () => readiness.state,
    logger,
    limits: LIMITS,
    models: join(folder, 'models'),
    metrics,
    ...appOptions,
  };
  // The document is asked of a twin: a key or a limit of the app's own are for the tests to meet.
  const twin = createApp({
    ...served,
    logger: pino({ level: 'silent' }),
    access: undefined,
    edge: undefined,
  });
  const { app, broken, checked } = await contract({ app: createApp(served), twin });
  return {
    app,
    http: supertest(app),
    catalogue,
    tasks,
    data: join(folder, 'data'),
    shop,
    images,
    log,
    readiness,
    checked,
    async close() {
      await tasks.close();
      expect(broken, 'answers that are not as /openapi.json says').toEqual([]);
      await catalogue.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
