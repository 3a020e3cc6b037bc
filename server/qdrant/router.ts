// A subset of Qdrant's REST API at Qdrant's own paths, so that its clients work against this server. What is said here
// is said in Qdrant's shapes, errors too; what is done is done by the same catalogue as /v1.

import type { Logger } from 'pino';
import type { Catalogue } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { type ErrorShape, errorBody, errorHandler } from '../http/error-handler.ts';
import type { ImageReading } from '../http/image.ts';
import { header, type Request, type Response } from '../http/request.ts';
import { createRouter, type Route, type Router } from '../http/route.ts';
import { sendJson } from '../http/send.ts';
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
  const route = createRouter({ routes: qdrantRoutes(rest), ...guards });
  const shape: ErrorShape = (error) => ({ status: { error: errorBody(error).message }, result: null });
  const handleError = errorHandler({ logger, shape });
  return async (request, response) => {
    try {
      if ((await route(request, response)) || sendVersion(request, response)) return true;
      if (!/^\/(collections|aliases)(\/|$)/i.test(request.path)) return false;
      const message = `${request.method} ${request.url.slice(0, 200)}: not served; see /docs/api`;
      throw new AttractorError('route_not_found', message, { field: 'path' });
    } catch (error) {
      handleError(error, request, response);
      return true;
    }
  };
}

/** Browsers come to / for the page, Qdrant's clients for the version. False where it is the page. */
function sendVersion(request: Request, response: Response): boolean {
  if (request.url !== '/' || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
  response.appendHeader('Vary', 'Accept');
  if (header(request, 'accept')?.includes('text/html')) return false;
  const title = 'attractor: a subset of the API of qdrant';
  sendJson(response, 200, { title, version: QDRANT_VERSION, commit: null });
  return true;
}
