// A subset of Qdrant's REST API at Qdrant's own paths, so that its clients work against this server. What is said here
// is said in Qdrant's shapes, errors too; what is done is done by the same catalogue as /v1.

import express, { type RequestHandler, type Router } from 'express';
import type { Logger } from 'pino';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { errorBody, errorHandler } from '../http/error-handler.ts';
import type { ImageReading } from '../http/image.ts';
import { createRouter, type Route } from '../http/route.ts';
import { collectionRoutes, qdrantAliasRoutes } from './collections.ts';
import { pointRoutes } from './points.ts';
import { queryRoutes } from './query.ts';

/** The version of Qdrant's API that this is a subset of: its clients compare it with their own. */
const QDRANT_VERSION = '1.18.0';

type QdrantOptions = ImageReading & { catalogue: Catalogue };

export function qdrantRoutes(options: QdrantOptions): Route[] {
  return [
    ...qdrantAliasRoutes(options),
    ...collectionRoutes(options),
    ...pointRoutes(options),
    ...queryRoutes(options),
  ];
}

/** `guards` are what every router of the app has. */
export function qdrantRouter(
  options: QdrantOptions & { guards: Omit<Parameters<typeof createRouter>[0], 'routes'>; logger: Logger },
): Router {
  const { guards, logger, ...rest } = options;
  const router = express.Router();
  router.use(createRouter({ routes: qdrantRoutes(rest), ...guards }));
  router.use(versionInfo);
  router.use(['/collections', '/aliases'], (request) => {
    const message = `${request.method} ${request.originalUrl.slice(0, 200)}: not served; see /docs/api`;
    throw new AttractorError('route_not_found', message, { field: 'path' });
  });
  router.use(
    errorHandler({
      logger,
      shape: (error) => ({ status: { error: errorBody(error).message }, result: null }),
    }),
  );
  return router;
}

/** Browsers come to / for the page, Qdrant's clients for the version. */
const versionInfo: RequestHandler = (request, response, next) => {
  if (request.url !== '/' || (request.method !== 'GET' && request.method !== 'HEAD')) return next();
  response.vary('Accept');
  if (request.get('accept')?.includes('text/html')) return next();
  response.json({ title: 'attractor: a subset of the API of qdrant', version: QDRANT_VERSION, commit: null });
};
