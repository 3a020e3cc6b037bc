// The HTTP application as a value: middleware, routes, errors. Does not listen, open files or read the environment.

import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Catalogue } from '../src/catalogue/types.ts';
import { AttractorError } from '../src/errors/error.ts';
import type { RowReading } from '../src/tasks/import-body.ts';
import type { Tasks } from '../src/tasks/tasks.ts';
import { type Limits, UI_FOLDER } from './config.ts';
import type { DemoShop } from './demo.ts';
import { errorHandler } from './http/error-handler.ts';
import { createOnce, idempotent } from './http/idempotency.ts';
import { requestContext } from './http/request.ts';
import { createRouter, type Route } from './http/route.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { sampleRoutes } from './routes/samples.ts';
import { aliasRoutes } from './routes/v1/aliases.ts';
import { importRoutes } from './routes/v1/collections/import.ts';
import { itemRoutes } from './routes/v1/collections/items.ts';
import { queryRoutes } from './routes/v1/collections/query.ts';
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
  /** Absent: images by URL are refused. */
  readonly fetchImage?: RowReading['fetchImage'];
  /** Absent: /samples does not exist. */
  readonly demo?: DemoShop;
}

export function createApp(options: AppOptions): Express {
  const { catalogue, tasks, ready, logger, limits, demo, models, fetchImage } = options;
  const app = express();
  app.disable('x-powered-by');
  // ETags are set where there is a hash; hashing every JSON answer would be work for nothing.
  app.disable('etag');
  app.use(requestContext({ logger }));
  app.use(
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
  );
  const once = createOnce({ replies: catalogue.replies, clock: Date.now });
  const routes: Route[] = [
    ...healthRoutes({ ready }),
    ...collectionRoutes({ catalogue }),
    ...aliasRoutes({ catalogue }),
    ...itemRoutes({ catalogue, tasks, limits, logger }),
    ...queryRoutes({ catalogue, limits }),
    ...importRoutes({ catalogue, tasks, limits, once }),
    ...taskRoutes({ runner: tasks.runner }),
    ...snapshotRoutes({ tasks }),
    ...modelRoutes({ catalogue, limits, models, fetchImage }),
    ...(demo ? sampleRoutes({ demo }) : []),
    ...docsRoutes,
  ];
  app.use(createRouter({ routes: idempotent(routes, once), limits }));
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
