// Schema-first routes on Express: a route reads, calls once and returns its result; the envelope, unknown query
// parameters, content types and 405 are handled here, once.

import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import type { Access, Caller, Guarded, RouteScope } from './access.ts';
import { type Body, createBodyReader, type Reads, run } from './body.ts';
import type { RouteDoc } from './describe.ts';
import { sendError } from './error-handler.ts';
import { seconds } from './request.ts';
import { parse, strict } from './validate.ts';

export interface Call extends Body {
  readonly params: Readonly<Record<string, string>>;
  /** URL parameters as sent; a route that takes any sets `query: true` and checks them itself. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** False for collections that are not the caller's: for routes that have `ownCollections`. */
  mayUse(collection: string): boolean;
}

/**
 * `result` goes into the envelope, with `timing` where there is one; an `error` beside it decides the status.
 * `bytes` are sent as they are.
 */
export type Reply =
  | { readonly result: unknown; readonly timing?: object; readonly error?: AttractorError }
  | { readonly bytes: Uint8Array; readonly headers: Readonly<Record<string, string>> };

export interface Route {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  readonly path: string;
  /** Absent: the body is not read. */
  readonly reads?: Reads;
  readonly query?: true;
  /** For /openapi.json; a test fails for a route without it. */
  readonly doc?: RouteDoc;
  /** What the caller's key must include. Default: `search` for get, `write` for the others. */
  readonly scope?: RouteScope;
  /** The path names no collection, but the route shows a caller only their own. Without it such a route is not for keys of some. */
  readonly ownCollections?: true;
  handle(call: Call): Reply | Promise<Reply>;
}

const NO_OPTIONS = strict({});

/** One Express router for all routes. A known path with another method is `method_not_allowed`. */
export const scopeOf = ({ scope, method }: Pick<Route, 'scope' | 'method'>): RouteScope =>
  scope ?? (method === 'get' ? 'search' : 'write');

declare global {
  namespace Express {
    interface Request {
      caller?: Caller;
    }
  }
}

export function createRouter(options: {
  routes: readonly Route[];
  limits: Limits;
  access: Access;
  /** Counts each call that is not `open`. */
  rateLimit: RequestHandler;
}): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const { access } = options;
  const readBody = createBodyReader(options.limits);
  const methods = new Map<string, string[]>();
  for (const route of options.routes) {
    methods.set(route.path, [...(methods.get(route.path) ?? []), route.method.toUpperCase()]);
    router[route.method](route.path, async (request, response) => {
      const { path, ownCollections } = route;
      const caller = await admit(request, response, { path, ownCollections, scope: scopeOf(route) });
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
        mayUse: caller.mayUse,
      });
      send(request, response, reply);
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

  /** Before anything of the call is read. Who gives a wrong key is counted too. */
  async function admit(request: Request, response: Response, route: Guarded): Promise<Caller> {
    if (route.scope === 'open') return ANYBODY;
    let refusal: unknown;
    try {
      request.caller = access.identify(request);
    } catch (error) {
      refusal = error;
    }
    await run(options.rateLimit, request, response);
    if (!request.caller) throw refusal;
    access.authorize(request.caller, route, request.params);
    return request.caller;
  }
}

const ANYBODY: Caller = { key: undefined, mayUse: () => true };

function send(request: Request, response: Response, reply: Reply): void {
  if ('bytes' in reply) {
    response.set(reply.headers);
    // Express answers 304 itself where the ETag matches.
    response.send(Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength));
    return;
  }
  const { error, ...body } = reply;
  if (error) sendError(request, response, error, body);
  else response.json({ ...body, status: 'ok', time: seconds(request) });
}
