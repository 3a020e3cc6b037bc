// Schema-first routes on Express: a route reads, calls once and returns its result; the envelope, unknown query
// parameters, content types and 405 are handled here, once.

import express, { type Request, type Response, type Router } from 'express';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import { type Body, createBodyReader, type Reads } from './body.ts';
import { sendError } from './error-handler.ts';
import { seconds } from './request.ts';
import { sendStream } from './stream.ts';
import { parse, strict } from './validate.ts';

export interface Call extends Body {
  readonly params: Readonly<Record<string, string>>;
  /** URL parameters as sent; a route that takes any sets `query: true` and checks them itself. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** The header, not yet checked. */
  readonly idempotencyKey?: string;
  /** Keeps the answer under the key; to be called in the transaction of the effect, where there is one. */
  readonly record?: (reply: Extract<Reply, { result: unknown }>) => void;
}

/**
 * `result` goes into the envelope, with `timing` where there is one; an `error` beside it decides the status.
 * `bytes` are sent as they are. `status` is for what is well and yet not done (202).
 */
export type Reply =
  | {
      readonly result: unknown;
      readonly timing?: object;
      readonly error?: AttractorError;
      readonly status?: 202;
    }
  | { readonly bytes: Uint8Array; readonly headers: Readonly<Record<string, string>> }
  /** Sent as it comes, no faster than it is read. */
  | {
      readonly stream: AsyncIterable<Uint8Array | string>;
      readonly headers: Readonly<Record<string, string>>;
    };

export interface Route {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  readonly path: string;
  /** Absent: the body is not read. */
  readonly reads?: Reads;
  readonly query?: true;
  /** A write that is done once under an `Idempotency-Key` (idempotency.ts). */
  readonly once?: true;
  handle(call: Call): Reply | Promise<Reply>;
}

const NO_OPTIONS = strict({});

/** One Express router for all routes. A known path with another method is `method_not_allowed`. */
export function createRouter(options: { routes: readonly Route[]; limits: Limits }): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const readBody = createBodyReader(options.limits);
  const methods = new Map<string, string[]>();
  for (const route of options.routes) {
    methods.set(route.path, [...(methods.get(route.path) ?? []), route.method.toUpperCase()]);
    router[route.method](route.path, async (request, response) => {
      const query = { ...request.query };
      if (!route.query) parse(NO_OPTIONS, query, 'query');
      const body = route.reads ? await readBody(request, response, route.reads) : { fields: undefined };
      const params = request.params as Record<string, string>;
      const reply = await route.handle({
        ...body,
        params,
        query,
        signal: request.signal,
        requestId: request.id,
        idempotencyKey: request.get('idempotency-key'),
      });
      if ('stream' in reply) await sendStream(response, reply);
      else send(request, response, reply);
    });
  }
  for (const [path, known] of methods) {
    const allow = known.includes('GET') ? [...known, 'HEAD'] : known;
    router.all(path, (request, response) => {
      response.set('Allow', allow.join(', '));
      throw new AttractorError('method_not_allowed', `${request.method}: expected ${allow.join(' or ')}`, {
        field: 'method',
        expected: allow.join(', '),
        received: request.method,
      });
    });
  }
  return router;
}

function send(request: Request, response: Response, reply: Exclude<Reply, { stream: unknown }>): void {
  if ('bytes' in reply) {
    response.set(reply.headers);
    // Express answers 304 itself where the ETag matches.
    response.send(Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength));
    return;
  }
  const { error, status = 200, ...body } = reply;
  if (error) sendError(request, response, error, body);
  else response.status(status).json({ ...body, status: 'ok', time: seconds(request) });
}
