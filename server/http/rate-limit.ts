// So many calls a minute for each key, or for each address where no key is needed, with the standard headers.

import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { AttractorError } from '../../src/errors/error.ts';
import { type Request, type Response, run } from './request.ts';

/** Throws `rate_limited`. */
export type RateLimit = (request: Request, response: Response) => Promise<void>;

const WINDOW_MS = 60_000;

/**
 * Who gave no key, or a wrong one, counts by the address, as so many proxies in front say it in X-Forwarded-For. `perMinute` is
 * for keys that have no rate of their own; 0: no limit.
 */
export function createRateLimit(options: { perMinute: number; proxies: number }): RateLimit {
  const { perMinute, proxies } = options;
  const limitOf = ({ caller }: Request) => caller?.key?.rate ?? perMinute;
  const count = rateLimit({
    windowMs: WINDOW_MS,
    limit: (request) => limitOf(request as unknown as Request),
    keyGenerator(given) {
      const request = given as unknown as Request;
      const key = request.caller?.key;
      return key ? `key ${key.id}` : `address ${ipKeyGenerator(addressOf(request, proxies))}`;
    },
    standardHeaders: 'draft-8',
    identifier: 'calls',
    legacyHeaders: false,
    // Its checks print to the console when a client sends X-Forwarded-For; ATTRACTOR_TRUST_PROXY says whom to believe.
    validate: false,
    handler: (request, _response, next) => {
      const expected = `at most ${limitOf(request as unknown as Request)} calls a minute`;
      next(
        new AttractorError('rate_limited', `calls: expected ${expected}, received more`, {
          expected,
          received: 'more',
        }),
      );
    },
  });
  return async (request, response) => {
    if (limitOf(request) <= 0) return;
    // It calls Node's appendHeader by Express's name.
    await run(count, request, Object.assign(response, { append: response.appendHeader }));
  };
}

/** Each proxy adds whom it was called by: what is further to the left than the last trusted one's word is the caller's own invention. */
function addressOf({ socket, headers }: Request, proxies: number): string {
  const said = `${headers['x-forwarded-for'] ?? ''}`.split(',').map((address) => address.trim());
  const known = [...said.filter((address) => address !== ''), socket.remoteAddress ?? ''];
  return known.at(-1 - proxies) ?? known[0]!;
}
