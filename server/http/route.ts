// Schema-first routes on Express: a route reads, calls once and returns its result; the envelope, unknown query
// parameters, content types and 405 are handled here, once. The paths are matched here as well: Express's router tries a
// regular expression per route and request, and its `response.json` costs as much as the JSON (bench/http).

import type { Request, RequestHandler, Response } from 'express';
import type { InSteps } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import type { RouteScope } from './access.ts';
import type { Admit } from './admit.ts';
import { type Body, createBodyReader, type Reads } from './body.ts';
import type { RouteDoc } from './describe.ts';
import { sendError } from './error-handler.ts';
import { type Written, writeObject } from './json.ts';
import { seconds } from './request.ts';
import type { Stop } from './stop.ts';
import { sendStream } from './stream.ts';
import { createTable } from './table.ts';
import { parse, strict } from './validate.ts';

export interface Call extends Body {
  readonly params: Readonly<Record<string, string>>;
  /** URL parameters as sent; a route that takes any sets `query: true` and checks them itself. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly stop: Stop;
  readonly requestId: string;
  /** The header, not yet checked. */
  readonly idempotencyKey?: string;
  /** The id of the caller's API key, where there is one. */
  readonly callerId?: string;
  /** Keeps the answer under the key; to be called in the transaction of the effect, where there is one. */
  readonly record?: (reply: Extract<Reply, { result: unknown }>) => void;
  /** For writes in steps: where one under the same key was cut off, and what keeps how far this one is. */
  readonly steps?: InSteps;
  /** False for collections that are not the caller's: for routes that have `ownCollections`. */
  mayUse(collection: string): boolean;
}

/**
 * `result` goes into the envelope, with what stands beside it; an `error` there decides the status.
 * `bytes` are sent as they are. `status` is for what is well and yet not done (202).
 */
export type Reply =
  | {
      readonly result: unknown;
      readonly timing?: object;
      readonly warnings?: readonly string[];
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
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  readonly path: string;
  /** Absent: the body is not read. */
  readonly reads?: Reads;
  readonly query?: true;
  /** A write that is done once under an `Idempotency-Key` (idempotency.ts). */
  readonly once?: true;
  /** For /openapi.json; a test fails for a route without it. */
  readonly doc?: RouteDoc;
  /** What the caller's key must include. Default: for a collection `search` to get, else `write`; without one `admin`. */
  readonly scope?: RouteScope;
  /** The path names no collection, but the route shows a caller only their own. Without it such a route is not for keys of some. */
  readonly ownCollections?: true;
  handle(call: Call): Reply | Promise<Reply>;
}

const NO_OPTIONS = strict({});
const NO_QUERY = {};

/** A handler for all routes. A known path with another method is `method_not_allowed`; others are passed on. */
export function createRouter(options: {
  routes: readonly Route[];
  limits: Limits;
  admit: Admit;
}): RequestHandler {
  const { admit } = options;
  const readBody = createBodyReader(options.limits);
  const table = createTable(options.routes);

  async function answer(route: Route, params: Record<string, string>, request: Request, response: Response) {
    const { key, mayUse } = await admit({ request, response, route, params });
    const query = request.url.includes('?') ? { ...request.query } : NO_QUERY;
    if (query !== NO_QUERY && !route.query) parse(NO_OPTIONS, query, 'query');
    const body = route.reads ? await readBody(request, response, route.reads) : { fields: undefined };
    // Member by member: Node 20 makes a shape of its own for each object that begins with a spread, and all that reads it is slow.
    const reply = await route.handle({
      fields: body.fields,
      image: body.image,
      rows: body.rows,
      params,
      query,
      stop: request.stop,
      requestId: request.id,
      idempotencyKey: request.get('idempotency-key'),
      callerId: key?.id,
      mayUse,
    });
    if ('stream' in reply) await sendStream(response, reply);
    else send(request, response, reply);
  }

  return (request, response, next) => {
    const { method, path } = request;
    const found = table.find(method, path);
    if (found === undefined) return next();
    // Where Express would name it: metrics and spans go by the pattern.
    request.route = { path: 'allow' in found ? found.path : found.route.path };
    if ('allow' in found) {
      const { allow } = found;
      response.set('Allow', allow.join(', '));
      throw new AttractorError('method_not_allowed', `${method}: expected ${allow.join(' or ')}`, {
        field: 'method',
        expected: allow.join(', '),
        received: method,
      });
    }
    return answer(found.route, found.params, request, response);
  };
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
  else sendJson(response, status, writeObject(body, { status: 'ok', time: seconds(request) }));
}

/** Head and body in one write. */
function sendJson(response: Response, status: number, body: Written): void {
  const text = body.json;
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}
