// Schema-first routes: a route reads, calls once and returns its result; the envelope, unknown query parameters, content
// types and 405 are handled here, once.

import { parse as parseQuery } from 'node:querystring';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import type { RouteScope } from './access.ts';
import type { Admit } from './admit.ts';
import { type Body, createBodyReader, type Reads } from './body.ts';
import type { RouteDoc } from './describe.ts';
import { sendError } from './error-handler.ts';
import { writeObject } from './json.ts';
import { header, type Request, type Response, seconds } from './request.ts';
import { sendBytes, sendJson } from './send.ts';
import { sendStream } from './stream.ts';
import { createTable } from './table.ts';
import { parse, strict } from './validate.ts';

export interface Call extends Body {
  readonly params: Readonly<Record<string, string>>;
  /** URL parameters as sent; a route that takes any sets `query: true` and checks them itself. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** The header, not yet checked. */
  readonly idempotencyKey?: string;
  /** The id of the caller's API key, where there is one. */
  readonly callerId?: string;
  /** Keeps the answer under the key; to be called in the transaction of the effect, where there is one. */
  readonly record?: (reply: Extract<Reply, { result: unknown }>) => void;
  /** False for collections that are not the caller's: for routes that have `ownCollections`. */
  mayUse(collection: string): boolean;
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

/** Answers what is its own; false for what is not. Throws what the answer is to be made of. */
export type Router = (request: Request, response: Response) => Promise<boolean>;

/** For all routes. A known path with another method is `method_not_allowed`. */
export function createRouter(options: { routes: readonly Route[]; limits: Limits; admit: Admit }): Router {
  const { admit } = options;
  const readBody = createBodyReader(options.limits);
  const table = createTable(options.routes);

  async function answer(route: Route, params: Record<string, string>, request: Request, response: Response) {
    const { key, mayUse } = await admit({ request, response, route, params });
    const query = queryOf(request.url);
    if (!route.query) parse(NO_OPTIONS, query, 'query');
    const body = route.reads ? await readBody(request, response, route.reads) : { fields: undefined };
    const { signal, id: requestId } = request;
    const idempotencyKey = header(request, 'idempotency-key');
    const caller = { requestId, mayUse, callerId: key?.id, idempotencyKey };
    const reply = await route.handle({ ...body, ...caller, params, query, signal });
    if ('stream' in reply) await sendStream(response, reply);
    else send(request, response, reply);
  }

  return async (request, response) => {
    const { method, path } = request;
    const found = table.find(method, path);
    if (found === undefined) return false;
    request.route = 'allow' in found ? found.path : found.route.path;
    if ('allow' in found) {
      const { allow } = found;
      response.setHeader('Allow', allow.join(', '));
      throw new AttractorError('method_not_allowed', `${method}: expected ${allow.join(' or ')}`, {
        field: 'method',
        expected: allow.join(', '),
        received: method,
      });
    }
    await answer(found.route, found.params, request, response);
    return true;
  };
}

function queryOf(url: string): Record<string, unknown> {
  const at = url.indexOf('?');
  return at < 0 ? {} : { ...parseQuery(url.slice(at + 1)) };
}

function send(request: Request, response: Response, reply: Exclude<Reply, { stream: unknown }>): void {
  if ('bytes' in reply) {
    sendBytes(request, response, reply);
    return;
  }
  const { error, status = 200, ...body } = reply;
  if (error) sendError(request, response, error, body);
  else sendJson(response, status, writeObject({ ...body, status: 'ok', time: seconds(request) }));
}
