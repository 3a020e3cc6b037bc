// A request from its first byte on: an id, its start, its path, and a signal that fires when the client leaves. Everything behind
// sees Node's own request and response with these beside; Express's came with prototypes and a router that cost as much as a query.

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Span } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import type { Caller } from './access.ts';

export type Response = ServerResponse;

export interface Request extends IncomingMessage {
  readonly method: string;
  readonly url: string;
  id: string;
  startedAt: number;
  signal: AbortSignal;
  /** Of the URL, as it was sent. */
  path: string;
  /** The pattern of its route, once that is known: metrics and spans go by it. */
  route: string | undefined;
  /** Of the caller's trace or our own; undefined where nobody traces. */
  traceId: string | undefined;
  span: Span | undefined;
  /** Undefined until they are known, and for routes that are open. */
  caller: Caller | undefined;
}

/** A function of connect's kind: it calls `next`, or answers itself. */
type Middleware = (request: never, response: never, next: (error?: unknown) => void) => unknown;

/** Resolves where the middleware calls `next`, and never where it answers. */
export const run = (middleware: Middleware, request: Request, response: Response) =>
  new Promise<void>((resolve, reject) => {
    middleware(request as never, response as never, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });

const SANE_ID = /^[\w.:-]{1,128}$/;

/**
 * Gives the request its id (taken from a sane `x-request-id`, else new), clock and signal, logs its end and counts it.
 * `accessLog`: at the level info instead of debug.
 */
export function requestContext(options: {
  logger: Logger;
  accessLog?: boolean;
  metrics?: Pick<Metrics, 'began' | 'ended'>;
}): (incoming: IncomingMessage, response: Response) => Request {
  const { logger, accessLog = false, metrics } = options;
  const level = accessLog ? 'info' : 'debug';
  return function openRequest(incoming, response) {
    const request = incoming as Request;
    const { method, url } = request;
    const given = header(request, 'x-request-id');
    request.id = given !== undefined && SANE_ID.test(given) ? given : randomUUID();
    request.startedAt = performance.now();
    request.signal = signalOf(request.socket);
    request.path = pathOf(url);
    request.route = undefined;
    request.traceId = undefined;
    request.span = undefined;
    request.caller = undefined;
    response.setHeader('x-request-id', request.id);
    metrics?.began();
    response.on('close', () => {
      const aborted = !response.writableFinished;
      const status = aborted ? 499 : response.statusCode;
      const ms = performance.now() - request.startedAt;
      const { id: request_id, traceId: trace_id, route } = request;
      metrics?.ended({ route, method, status, seconds: ms / 1000 });
      logger[level]({ request_id, trace_id, method, url, status, ms: Math.round(ms) }, 'request');
    });
    return request;
  };
}

const signals = new WeakMap<Socket, AbortSignal>();

/** Fires when the client is gone: one for all the requests that come by a connection. */
function signalOf(socket: Socket): AbortSignal {
  const known = signals.get(socket);
  if (known) return known;
  const left = new AbortController();
  socket.once('close', () => left.abort());
  // One call may wait for hundreds of images by URL.
  setMaxListeners(0, left.signal);
  signals.set(socket, left.signal);
  return left.signal;
}

/** By its name in small letters. The few headers that may come more than once are not asked for. */
export const header = ({ headers }: IncomingMessage, name: string) => headers[name] as string | undefined;

/** Proxies may be sent the whole URL. */
function pathOf(url: string): string {
  const path = /^[^?#]*/.exec(url)![0];
  return path.startsWith('/') || !URL.canParse(path) ? path : new URL(path).pathname;
}

/** Seconds since the request began, as in Qdrant's envelope. */
export function seconds(request: Request): number {
  return Math.round((performance.now() - request.startedAt) * 1000) / 1e6;
}
