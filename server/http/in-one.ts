// Several middlewares as one.

import type { RequestHandler } from 'express';

/** In order. As layers of their own each would cost the request the matching of its path. */
export const inOne = (...handlers: RequestHandler[]): RequestHandler =>
  handlers.reduceRight(
    (rest, first) => (request, response, next) =>
      first(request, response, (error?: unknown) =>
        error === undefined ? rest(request, response, next) : next(error),
      ),
  );
