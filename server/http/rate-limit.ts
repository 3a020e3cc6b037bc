// So many calls a minute for each key, or for each address where no key is needed, with the standard headers.

import type { Request, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { AttractorError } from '../../src/errors/error.ts';
import type { Caller } from './access.ts';
import { run } from './body.ts';

/** Throws `rate_limited`. */
export type RateLimit = (request: Request, response: Response) => Promise<void>;

const WINDOW_MS = 60_000;

/** `callerOf` is undefined for who gave no key, or a wrong one: these count by their address. 0: no limit. */
export function createRateLimit(options: {
  perMinute: number;
  callerOf: (request: Request) => Caller | undefined;
}): RateLimit {
  const limitOf = (request: Request) => options.callerOf(request)?.key?.rate ?? options.perMinute;
  const count = rateLimit({
    windowMs: WINDOW_MS,
    limit: limitOf,
    keyGenerator(request) {
      const key = options.callerOf(request)?.key;
      return key ? `key ${key.id}` : `address ${ipKeyGenerator(request.ip ?? '')}`;
    },
    standardHeaders: 'draft-8',
    identifier: 'calls',
    legacyHeaders: false,
    // Its checks print to the console when a client sends X-Forwarded-For; ATTRACTOR_TRUST_PROXY says whom to believe.
    validate: false,
    handler: (request, _response, next) => {
      const expected = `at most ${limitOf(request)} calls a minute`;
      next(
        new AttractorError('rate_limited', `calls: expected ${expected}, received more`, {
          expected,
          received: 'more',
        }),
      );
    },
  });
  return async (request, response) => {
    if (limitOf(request) > 0) await run(count, request, response);
  };
}
