// The HTTP application as a value: middleware, routes, errors. Does not listen, open files or read the environment.

import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Catalogue } from '../src/catalogue/types.ts';
import { AttractorError } from '../src/errors/error.ts';
import type { Tasks } from '../src/tasks/tasks.ts';
import { type EdgeSettings, type Limits, UI_FOLDER } from './config.ts';
import type { DemoShop } from './demo.ts';
import { type AccessOptions, createAccess } from './http/access.ts';
import { createAdmission } from './http/admit.ts';
import { deadlines } from './http/deadline.ts';
import { errorHandler } from './http/error-handler.ts';
import { constantHeaders } from './http/headers.ts';
import { createOnce, idempotent } from './http/idempotency.ts';
import type { ImageReading } from './http/image.ts';
import { inOne } from './http/in-one.ts';
import { createRateLimit } from './http/rate-limit.ts';
import { requestContext } from './http/request.ts';
import { createRouter, type Route } from './http/route.ts';
import { traceRequests } from './http/tracing.ts';
import type { Metrics } from './metrics/metrics.ts';
import { qdrantRouter } from './qdrant/router.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { sampleRoutes } from './routes/samples.ts';
import { aliasRoutes } from './routes/v1/aliases.ts';
import { importRoutes } from './routes/v1/collections/import.ts';
import { itemRoutes } from './routes/v1/collections/items.ts';
import { queryRoutes } from './routes/v1/collections/query.ts';
import { readingRoutes } from './routes/v1/collections/reading.ts';
import { collectionRoutes } from './routes/v1/collections.ts';
import { modelRoutes } from './routes/v1/models.ts';
import { snapshotRoutes } from './routes/v1/snapshots.ts';
import { taskRoutes } from './routes/v1/tasks.ts';

export interface AppOptions {
  readonly catalogue: Catalogue;
  readonly tasks: Tasks;
  readonly ready: () => Readiness;
  readonly logger: Logger;
  readonly limits: Limits;
  /** Where the model folders are. */
  readonly models: string;
  /** Absent: /metrics does not exist. */
  readonly metrics?: Metrics;
  /** True: a line of the level info per request. */
  readonly accessLog?: boolean;
  /** Absent: /samples does not exist. */
  readonly demo?: DemoShop;
  /** Default: no keys, and everything to those on this machine. */
  readonly access?: AccessOptions;
  /** Absent: images come as bytes only. */
  readonly urls?: Pick<ImageReading, 'fetcher' | 'callBytes'>;
  readonly edge?: EdgeSettings;
}

const DEFAULT_EDGE: EdgeSettings = { callsPerMinute: 0, trustProxy: 0, corsOrigins: [], publicImages: false };

export function createApp(options: AppOptions): Express {
  const { catalogue, tasks, ready, logger, limits, demo, models, metrics, accessLog } = options;
  const { edge = DEFAULT_EDGE } = options;
  const images = { limits, ...options.urls };
  const app = express();
  app.disable('x-powered-by');
  // ETags are set where there is a hash; hashing every JSON answer would be work for nothing.
  app.disable('etag');
  app.set('trust proxy', edge.trustProxy);
  app.use(
    inOne(
      requestContext({ logger, accessLog, metrics }),
      traceRequests(),
      ...(edge.corsOrigins.length > 0 ? [cors(corsOptions(edge.corsOrigins))] : []),
      constantHeaders(
        helmet({
          contentSecurityPolicy: {
            // The page's own files, and the dropped photo as a blob. TLS ends in front of this server, if anywhere.
            directives: {
              'img-src': ["'self'", 'blob:'],
              'style-src': ["'self'"],
              'upgrade-insecure-requests': null,
            },
          },
          strictTransportSecurity: false,
        }),
      ),
      deadlines(),
    ),
  );
  const once = createOnce({ replies: catalogue.replies, clock: Date.now });
  const routes: Route[] = [
    ...healthRoutes({ ready }),
    ...collectionRoutes({ catalogue }),
    ...aliasRoutes({ catalogue }),
    ...itemRoutes({ ...images, catalogue, tasks, logger, publicImages: edge.publicImages }),
    ...queryRoutes({ ...images, catalogue }),
    ...readingRoutes({ catalogue }),
    ...importRoutes({ catalogue, tasks, limits, once }),
    ...taskRoutes({ runner: tasks.runner }),
    ...snapshotRoutes({ tasks }),
    ...modelRoutes({ ...images, catalogue, models }),
    ...(demo ? sampleRoutes({ demo }) : []),
    ...docsRoutes,
    ...(metrics ? metricsRoutes({ metrics }) : []),
    ...openApiRoutes({ routes: () => routes }),
  ];
  const access = createAccess(options.access ?? { withoutKeys: 'loopback' });
  const rateLimit = createRateLimit({ perMinute: edge.callsPerMinute, callerOf: ({ caller }) => caller });
  const guards = { limits, admit: createAdmission({ access, rateLimit }) };
  app.use(createRouter({ routes: idempotent(routes, once), ...guards }));
  app.use(qdrantRouter({ ...images, catalogue, guards, logger }));
  app.use(express.static(UI_FOLDER, { etag: true, acceptRanges: false }));
  app.use((request) => {
    throw new AttractorError(
      'route_not_found',
      `${request.method} ${request.path.slice(0, 200)}: no such path`,
      {
        field: 'path',
      },
    );
  });
  app.use(errorHandler({ logger }));
  return app;
}

function corsOptions(origins: readonly string[]): cors.CorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    // All that a call is looked at for.
    allowedHeaders: [
      'content-type',
      'api-key',
      'authorization',
      'idempotency-key',
      'x-request-id',
      'x-timeout-ms',
      'traceparent',
      'tracestate',
    ],
    exposedHeaders: ['x-request-id', 'ratelimit', 'ratelimit-policy', 'retry-after'],
    maxAge: 600,
  };
}
