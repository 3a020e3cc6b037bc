// What every request carries from its first byte: an id, its start, and what stops it when the client leaves.

import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import { Stop } from './stop.ts';

declare global {
  namespace Express {
    interface Request {
      id: string;
      startedAt: number;
      stop: Stop;
    }
  }
}

const SANE_ID = /^[\w.:-]{1,128}$/;

/**
 * Gives the request its id (taken from a sane `x-request-id`, else new), clock and stop, logs its end and counts it.
 * `accessLog`: at the level info instead of debug.
 */
export function requestContext(options: {
  logger: Logger;
  accessLog?: boolean;
  metrics?: Pick<Metrics, 'began' | 'ended'>;
}): RequestHandler {
  const { logger, accessLog = false, metrics } = options;
  const level = accessLog ? 'info' : 'debug';
  return function openRequest(request, response, next) {
    const given = request.get('x-request-id');
    request.id = given !== undefined && SANE_ID.test(given) ? given : randomUUID();
    request.startedAt = performance.now();
    request.stop = new Stop();
    response.set('x-request-id', request.id);
    metrics?.began();
    response.on('close', () => {
      const aborted = !response.writableFinished;
      if (aborted) request.stop.abort();
      const status = aborted ? 499 : response.statusCode;
      const ms = performance.now() - request.startedAt;
      const { method } = request;
      metrics?.ended({ route: request.route?.path, method, status, seconds: ms / 1000 });
      logger[level](
        {
          request_id: request.id,
          trace_id: request.traceId,
          method,
          url: request.originalUrl,
          status,
          ms: Math.round(ms),
        },
        'request',
      );
    });
    next();
  };
}

/** Seconds since the request began, as in Qdrant's envelope. */
export function seconds(request: Request): number {
  return Math.round((performance.now() - request.startedAt) * 1000) / 1e6;
}
