// Liveness and readiness. Alive: the process answers. Ready: opened, demo imported, not stopping.

import { AttractorError } from '../../src/errors/error.ts';
import type { Route } from '../http/route.ts';
import * as replies from '../schemas/replies.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Images of the demo shop, until all are imported. */
  readonly demo?: { readonly done: number; readonly total: number };
}

export function healthRoutes(options: { ready: () => Readiness }): Route[] {
  const alive = (path: string): Route => ({
    method: 'get',
    path,
    doc: { summary: 'The process answers', tag: 'health', result: replies.alive },
    scope: 'open',
    handle: () => ({ result: { alive: true } }),
  });
  return [
    alive('/healthz'),
    alive('/livez'),
    {
      method: 'get',
      path: '/readyz',
      doc: {
        summary: 'Opened, demo imported, not stopping; else 503',
        tag: 'health',
        result: replies.readiness,
      },
      scope: 'open',
      handle() {
        const state = options.ready();
        if (state.ready) return { result: state };
        return {
          result: state,
          error: new AttractorError('not_ready', 'The server is starting or stopping.'),
        };
      },
    },
  ];
}
