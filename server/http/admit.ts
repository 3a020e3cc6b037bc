// The door of every route: who calls, how often, whether they may. Before a byte of the body is read.

import type { Request, Response } from 'express';
import { type Access, ANYBODY, type Caller, type Guarded, type RouteScope } from './access.ts';
import type { RateLimit } from './rate-limit.ts';

declare global {
  namespace Express {
    interface Request {
      /** Absent until they are known, and for routes that are open. */
      caller?: Caller;
    }
  }
}

/** What a route needs of a key where it does not say so itself. What is not about one collection is for admins. */
export function scopeOf(route: { scope?: RouteScope; method: string; path: string }): RouteScope {
  if (route.scope !== undefined) return route.scope;
  if (!route.path.includes('/:collection/') && !route.path.endsWith('/:collection')) return 'admin';
  return route.method === 'get' ? 'search' : 'write';
}

export type Admit = (options: {
  request: Request;
  response: Response;
  route: { scope?: RouteScope; method: string; path: string; ownCollections?: boolean };
  params: Readonly<Record<string, unknown>>;
}) => Promise<Caller>;

/** Throws `unauthorized`, `rate_limited` or `forbidden`. Who gives a wrong key is counted too. */
export function createAdmission(options: { access: Access; rateLimit: RateLimit }): Admit {
  const { access, rateLimit } = options;
  return async ({ request, response, route, params }) => {
    const { path, ownCollections } = route;
    const guarded: Guarded = { path, ownCollections, scope: scopeOf(route) };
    if (guarded.scope === 'open') return ANYBODY;
    let refusal: unknown;
    try {
      request.caller = access.identify(request);
    } catch (error) {
      refusal = error;
    }
    await rateLimit(request, response);
    if (!request.caller) throw refusal;
    access.authorize(request.caller, guarded, params);
    return request.caller;
  };
}
