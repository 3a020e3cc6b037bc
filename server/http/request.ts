// What every request carries from its first byte: an id, its start, and a signal that fires when the client leaves.

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';

declare global {
  namespace Express {
    interface Request {
      id: string;
      startedAt: number;
      signal: AbortSignal;
    }
  }
}

const SANE_ID = /^[\w.:-]{1,128}$/;

/** Gives the request its id (taken from a sane `x-request-id`, else new), clock and signal, and logs its end. */
export function requestContext(options: { logger: Logger }): RequestHandler {
  return function openRequest(request, response, next) {
    const given = request.get('x-request-id');
    request.id = given !== undefined && SANE_ID.test(given) ? given : randomUUID();
    request.startedAt = performance.now();
    const left = new AbortController();
    request.signal = left.signal;
    // One call may wait for hundreds of images by URL.
    setMaxListeners(0, left.signal);
    response.set('x-request-id', request.id);
    response.on('close', () => {
      const aborted = !response.writableFinished;
      if (aborted) left.abort();
      options.logger.debug(
        {
          request_id: request.id,
          method: request.method,
          url: request.originalUrl,
          status: aborted ? 499 : response.statusCode,
          ms: Math.round(performance.now() - request.startedAt),
        },
        'request',
      );
    });
    next();
  };
}

/** Seconds since the request began, as in Qdrant's envelope. */
export function seconds(request: Request): number {
  return Number(((performance.now() - request.startedAt) / 1000).toFixed(6));
}
