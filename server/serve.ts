// One service on its data folder: opens what it needs, listens, and ends in order when it is told to. What is served is app.ts,
// the process around it server.ts.

import { openCatalogue } from '../src/catalogue/catalogue.ts';
import { modelsFolder } from '../src/catalogue/models-folder.ts';
import { observers } from '../src/catalogue/observer.ts';
import type { PooledEmbedder } from '../src/embed/pool.ts';
import { AttractorError } from '../src/errors/error.ts';
import { createImageFetcher } from '../src/fetch/fetch-image.ts';
import { ScanThreads } from '../src/math/scan-threads.ts';
import { findModel, listModels } from '../src/model/list.ts';
import { openKeys } from '../src/store/keys.ts';
import { openTasks } from '../src/tasks/tasks.ts';
import { createApp } from './app.ts';
import { type Config, DEMO_FOLDER, defaultScanThreads } from './config.ts';
import { importDemo, readDemo } from './demo.ts';
import { whoNeedsNoKey } from './http/access.ts';
import { tracingObserver } from './http/tracing.ts';
import { assertPort, serveApp } from './listen.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Readiness } from './routes/health.ts';
import { rowReading } from './rows.ts';
import { warnAtStart } from './warnings.ts';

/** For so long a key that another process revoked may still be taken: looking is dear at every call. */
const KEYS_LATE_MS = 500;

/** What ends a server: `stop` in order, `cut` what is still in flight then. */
export interface Ends {
  readonly stop: AbortSignal;
  readonly cut: AbortSignal;
}

/** Resolves when `stop` has fired and everything is saved. */
export async function serve(config: Config, log: Log, { stop, cut }: Ends): Promise<void> {
  await assertPort(config);
  const late = { ms: KEYS_LATE_MS, clock: () => performance.now() };
  const keys = openKeys({ directory: config.data, late });
  const withoutKeys = whoNeedsNoKey({ ...config, keys });
  const fetcher =
    config.urls &&
    createImageFetcher({
      allow: config.urls.allow,
      ports: config.urls.ports,
      timeout: config.urls.timeout,
      maxBytes: config.limits.imageBytes,
    });
  const { models, embedderFor: open } = modelsFolder({
    folder: config.models,
    ...config.embed,
    limits: { bytes: config.limits.imageBytes, pixels: config.limits.imagePixels },
    logger: log,
  });
  await assertModel(config);
  const embedders = new Map<string, PooledEmbedder>();
  const embedderFor = async (model: string) => {
    const embedder = await open(model);
    embedders.set(model, embedder);
    return embedder;
  };
  // Started beside the catalogue, so that the first query does not wait for it.
  const embedder = embedderFor(config.model);
  embedder.catch(() => {});
  const metrics = createMetrics();
  const threads = new ScanThreads({ count: config.scanThreads ?? defaultScanThreads() });
  // The embedder has read its model already; reading it again here would stall the event loop.
  const facts = async (name: string) => {
    if (name !== config.model) return models(name);
    const { fingerprint, dimension } = await embedder;
    return { name, fingerprint, dimension };
  };
  const catalogue = await openCatalogue({
    directory: config.data,
    models: facts,
    embedderFor: (model) => (model === config.model ? embedder : embedderFor(model)),
    defaultModel: config.model,
    logger: log,
    hnsw: { ef: config.ef, threads },
    auditEvery: config.auditEvery,
    memory: () => process.availableMemory(),
    observer: observers([metrics.observer, tracingObserver]),
  });
  const tasks = openTasks({
    catalogue,
    directory: config.data,
    reading: rowReading({ limits: config.limits, fetcher }),
    clock: Date.now,
    observer: metrics.tasks,
    logger: log,
  });
  metrics.watch({
    catalogue,
    embedders: () => [...embedders].map(([model, embedder]) => [model, embedder.stats()]),
  });
  try {
    const { provider } = await embedder;
    const access = { keys, adminKey: config.adminKey, withoutKeys };
    await warnAtStart({ access, catalogue, models: facts, log });
    let state: Readiness = { ready: false };
    const app = createApp({
      catalogue,
      tasks,
      ready: () => (stop.aborted ? { ready: false } : state),
      logger: log,
      limits: config.limits,
      models: config.models,
      metrics,
      accessLog: config.accessLog,
      access,
      urls: { fetcher, callBytes: config.urls?.callBytes },
      edge: config.edge,
      demo: config.demo ? await readDemo({ folder: DEMO_FOLDER }) : undefined,
    });
    const { port, drain } = await serveApp(app, config);
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    log.info(
      { model: config.model, provider, data: config.data },
      `Attractor is listening: open http://${host}:${port}/ (model ${config.model} on ${provider})`,
    );
    const demo = startDemo();
    await stopped(stop);
    await Promise.all([drain({ cut, log }), demo]);

    async function startDemo(): Promise<void> {
      const onProgress = (demo: Readiness['demo']) => {
        state = { ready: false, demo };
      };
      if (config.demo) {
        await importDemo({ catalogue, folder: DEMO_FOLDER, logger: log, signal: stop, onProgress });
      }
      state = { ready: true };
    }
  } finally {
    await tasks.close();
    await catalogue.close();
    threads.close();
    keys.close();
    await fetcher?.close();
    await (await embedder.catch(() => undefined))?.close();
  }
  log.info({}, 'Stopped: everything is saved.');
}

/** A name that is none is said at once, not by a process that has started for it. Throws `model_not_found`. */
async function assertModel({ models: folder, model }: Config): Promise<void> {
  const known = (await listModels({ folder })).map(({ name }) => name);
  await findModel({ folder, name: model }).catch((error: AttractorError) => {
    if (error.code !== 'model_not_found') throw error;
    const expected = `one of the models in ${folder} (${known.join(', ') || 'there is none'})`;
    const message = `ATTRACTOR_MODEL: expected ${expected}, received ${model}`;
    throw new AttractorError('model_not_found', message, { field: 'ATTRACTOR_MODEL', expected });
  });
}

const stopped = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
