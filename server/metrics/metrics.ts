// What Prometheus reads: requests, the steps within them and tasks as they happen, the state of collections and embedders
// at each scrape. Names and meanings are in docs/operations.md; a test holds the two together.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CatalogueObserver } from '../../src/catalogue/observer.ts';
import type { Catalogue } from '../../src/catalogue/types.ts';
import type { EmbedderStats } from '../../src/embed/pool.ts';
import type { TaskObserver } from '../../src/tasks/task.ts';
import { collectionGauges } from './collections.ts';
import { embedderMetrics } from './embedders.ts';
import { taskCounters, taskGauge } from './tasks.ts';

/** Seconds: from a vector query to an upload that waits its turn. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** One request that ended. */
export interface Ended {
  /** The pattern, never the URL; undefined where no route took it. */
  readonly route: string | undefined;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];

export interface Metrics {
  readonly observer: CatalogueObserver;
  readonly tasks: TaskObserver;
  began(): void;
  ended(request: Ended): void;
  /** From now on a scrape reads these. */
  watch(sources: { catalogue: Catalogue; embedders?: () => Iterable<[model: string, EmbedderStats]> }): void;
  /** In Prometheus' text format. */
  read(): Promise<{ text: string; contentType: string }>;
}

/** `process`: the process's own metrics too (memory, CPU, event loop, garbage collection). Default true. */
export function createMetrics(options: { process?: boolean } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process !== false) collectDefaultMetrics({ register: registry });
  const inFlight = new Gauge({
    name: 'attractor_http_requests_in_flight',
    help: 'Requests that are being answered.',
    registers,
  });
  const requests = new Counter({
    name: 'attractor_http_requests_total',
    help: 'Answers by route, method and status; 499: the client left.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'attractor_http_request_duration_seconds',
    help: 'From the first byte of the request to the last of the answer.',
    labelNames: ['route', 'method'],
    buckets: BUCKETS,
    registers,
  });
  const stages = new Histogram({
    name: 'attractor_stage_duration_seconds',
    help: 'Steps of queries and upserts: embed (wait, decode, model), filter, search, read, write.',
    labelNames: ['operation', 'stage'],
    buckets: [0.0001, 0.0005, ...BUCKETS],
    registers,
  });
  const plans = new Counter({
    name: 'attractor_query_plans_total',
    help: 'Queries by how they were answered: graph, scan, graph, then scan, none.',
    labelNames: ['plan'],
    registers,
  });
  const cache = new Counter({
    name: 'attractor_vector_cache_total',
    help: 'Images by whether their vector was known already.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['hit', 'miss']) cache.inc({ result }, 0);
  const tasks = taskCounters({ registers });
  return {
    tasks,
    observer: {
      stage: ({ operation, stage, from, to }) => stages.observe({ operation, stage }, (to - from) / 1000),
      plan: (plan) => plans.inc({ plan }),
      cache({ hits, misses }) {
        cache.inc({ result: 'hit' }, hits);
        cache.inc({ result: 'miss' }, misses);
      },
    },
    began: () => inFlight.inc(),
    ended({ route = 'other', method: asked, status, seconds }) {
      const method = METHODS.includes(asked) ? asked : 'other';
      inFlight.dec();
      requests.inc({ route, method, status });
      durations.observe({ route, method }, seconds);
    },
    watch({ catalogue, embedders }) {
      taskGauge({ tasks: () => catalogue.tasks, registers });
      collectionGauges({ catalogue, registers });
      if (embedders) embedderMetrics({ embedders, registers });
    },
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}
