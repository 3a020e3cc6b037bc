// The HTTP application as a value: middleware, routes, errors. Does not listen, open files or read the environment.

import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Catalogue } from '../src/catalogue/types.ts';
import { AttractorError } from '../src/errors/error.ts';
import { type Limits, UI_FOLDER } from './config.ts';
import type { DemoShop } from './demo.ts';
import { deadlines } from './http/deadline.ts';
import { errorHandler } from './http/error-handler.ts';
import { constantHeaders } from './http/headers.ts';
import { requestContext } from './http/request.ts';
import { createRouter, type Route } from './http/route.ts';
import { traceRequests } from './http/tracing.ts';
import type { Metrics } from './metrics/metrics.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { sampleRoutes } from './routes/samples.ts';
import { itemRoutes } from './routes/v1/collections/items.ts';
import { queryRoutes } from './routes/v1/collections/query.ts';
import { collectionRoutes } from './routes/v1/collections.ts';

export interface AppOptions {
  readonly catalogue: Catalogue;
  readonly ready: () => Readiness;
  readonly logger: Logger;
  readonly limits: Limits;
  /** Absent: /metrics does not exist. */
  readonly metrics?: Metrics;
  /** True: a line of the level info per request. */
  readonly accessLog?: boolean;
  /** Absent: /samples does not exist. */
  readonly demo?: DemoShop;
}

export function createApp(options: AppOptions): Express {
  const { catalogue, ready, logger, limits, demo, metrics, accessLog } = options;
  const app = express();
  app.disable('x-powered-by');
  // ETags are set where there is a hash; hashing every JSON answer would be work for nothing.
  app.disable('etag');
  app.use(requestContext({ logger, accessLog, metrics }));
  app.use(traceRequests());
  app.use(
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
  );
  app.use(deadlines());
  const routes: Route[] = [
    ...healthRoutes({ ready }),
    ...collectionRoutes({ catalogue }),
    ...itemRoutes({ catalogue, limits, logger }),
    ...queryRoutes({ catalogue, limits }),
    ...(demo ? sampleRoutes({ demo }) : []),
    ...docsRoutes,
    ...(metrics ? metricsRoutes({ metrics }) : []),
    ...openApiRoutes({ routes: () => routes }),
  ];
  app.use(createRouter({ routes, limits }));
  app.use(express.static(UI_FOLDER, { etag: true }));
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
